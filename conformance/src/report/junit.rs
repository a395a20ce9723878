//! The report as JUnit XML, which build servers read.

use std::fmt::{self, Write};

use super::{CaseReport, Report, Verdict};
use crate::clauses;
use crate::seed;

pub(super) fn render(report: &Report) -> String {
    let mut xml = String::new();
    write(report, &mut xml).expect("a String takes everything");
    xml
}

fn write(report: &Report, xml: &mut String) -> fmt::Result {
    let (counts, suite) = (report.counts(), escape(&report.suite));
    let totals = format!(
        "name=\"{suite}\" tests=\"{}\" failures=\"{}\" errors=\"0\" skipped=\"{}\" time=\"{:.3}\"",
        report.cases.len(),
        counts.failed,
        counts.ignored,
        report.duration.as_secs_f64(),
    );
    writeln!(xml, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>")?;
    writeln!(xml, "<testsuites {totals}>")?;
    writeln!(xml, "  <testsuite {totals}>")?;
    let (variable, seed) = (seed::VARIABLE, report.seed);
    writeln!(xml, "    <properties>")?;
    writeln!(
        xml,
        "      <property name=\"{variable}\" value=\"{seed}\"/>"
    )?;
    writeln!(xml, "    </properties>")?;
    for case in &report.cases {
        write_case(case, &suite, xml)?;
    }
    writeln!(xml, "  </testsuite>")?;
    writeln!(xml, "</testsuites>")
}

fn write_case(case: &CaseReport, suite: &str, xml: &mut String) -> fmt::Result {
    let (name, seconds) = (case.name, case.duration.as_secs_f64());
    write!(
        xml,
        "    <testcase classname=\"{suite}\" name=\"{name}\" time=\"{seconds:.3}\""
    )?;
    match &case.verdict {
        Verdict::Passed => writeln!(xml, "/>"),
        Verdict::Failed(reason) => {
            let (clause, reason) = (&case.clause, escape(reason));
            let promise = clauses::promise(clause);
            writeln!(xml, ">")?;
            writeln!(
                xml,
                "      <failure type=\"{clause}\" message=\"{clause}: {promise}\">{reason}</failure>"
            )?;
            writeln!(xml, "    </testcase>")
        }
        Verdict::Ignored(reason) => {
            writeln!(xml, ">")?;
            writeln!(xml, "      <skipped message=\"{}\"/>", escape(reason))?;
            writeln!(xml, "    </testcase>")
        }
    }
}

/// Makes any text fit for an attribute or an element. XML 1.0 has no way to write most control
/// characters, not even as references.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&apos;"),
            // As references, since a reader folds plain ones into spaces.
            '\t' => escaped.push_str("&#9;"),
            '\n' => escaped.push_str("&#10;"),
            '\r' => escaped.push_str("&#13;"),
            '\0'..='\x1F' | '\u{FFFE}' | '\u{FFFF}' => escaped.push('\u{FFFD}'),
            char => escaped.push(char),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::sample;

    #[test]
    fn every_verdict_in_its_element() {
        let expected = r#"<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="sam&quot;ple" tests="4" failures="1" errors="0" skipped="1" time="2.000">
  <testsuite name="sam&quot;ple" tests="4" failures="1" errors="0" skipped="1" time="2.000">
    <properties>
      <property name="SESSION_STORE_SEED" value="7"/>
    </properties>
    <testcase classname="sam&quot;ple" name="c01_missing_is_none" time="1.500"/>
    <testcase classname="sam&quot;ple" name="c03_replaces" time="1.500">
      <failure type="C03" message="C03: set replaces value and expiry">expected &lt;&quot;old&quot;&gt; &amp; &apos;new&apos; | ]]&gt;&#10;&#9;saw `�[31m�`</failure>
    </testcase>
    <testcase classname="sam&quot;ple" name="c03_shorter" time="1.500"/>
    <testcase classname="sam&quot;ple" name="c20_restart" time="1.500">
      <skipped message="not declared durable"/>
    </testcase>
  </testsuite>
</testsuites>
"#;
        assert_eq!(render(&sample()), expected);
    }

    /// XML 1.0, section 2.2: the characters that a document may hold.
    #[test]
    fn no_text_leaves_the_characters_of_xml() {
        let allowed = |char| matches!(char, '\t' | '\n' | '\r' | '\x20'..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..);
        for char in '\0'..=char::MAX {
            let escaped = escape(char.encode_utf8(&mut [0; 4]));
            assert!(escaped.chars().all(allowed), "U+{:04X}", u32::from(char));
            assert!(!escaped.contains(['<', '>', '"', '\'']));
            assert!(!escaped.starts_with('&') || escaped.ends_with(';'));
        }
    }
}
