//! The report as Markdown, clause by clause.

use std::fmt::Write;

use super::{CaseReport, Report, Verdict, one_line};
use crate::clauses::{CLAUSES, Clause};

pub(super) fn render(report: &Report) -> String {
    let mut page = format!("# {}\n\n", escape(&report.suite));
    page.push_str("| | clause | verdict | cases |\n|---|---|---|---|\n");
    for clause in CLAUSES {
        page.push_str(&row(report, clause));
    }
    let failed = report.cases.iter().filter(|case| case.failed());
    for (place, case) in failed.enumerate() {
        let reason = case.verdict.reason().map(one_line).unwrap_or_default();
        let heading = if place == 0 { "\n## Failed\n\n" } else { "" };
        let _ = writeln!(page, "{heading}* `{}`: {}", case.name, escape(&reason));
    }
    let _ = writeln!(page, "\n{}", escape(&report.summary()));
    page
}

/// The row of one clause, or nothing if no case of it was chosen.
fn row(report: &Report, clause: &Clause) -> String {
    let cases = report.cases.iter().filter(|case| case.clause == clause.id);
    let cases: Vec<&CaseReport> = cases.collect();
    if cases.is_empty() {
        return String::new();
    }
    let passed = cases.iter().filter(|case| case.verdict == Verdict::Passed);
    let passed = passed.count();
    let verdict = if cases.iter().any(|case| case.failed()) {
        "**failed**".to_owned()
    } else if passed > 0 {
        "passed".to_owned()
    } else {
        let reason = cases[0].verdict.reason().map(one_line).unwrap_or_default();
        format!("ignored: {}", escape(&reason))
    };
    let (id, promise, total) = (clause.id, clause.promise, cases.len());
    format!("| {id} | {promise} | {verdict} | {passed} of {total} |\n")
}

/// Takes every character's meaning to Markdown away.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for char in text.chars() {
        if char.is_ascii_punctuation() && !matches!(char, ',' | '.' | ':' | '/' | '\'' | '"' | '=')
        {
            escaped.push('\\');
        }
        escaped.push(char);
    }
    escaped
}

#[cfg(test)]
mod tests {
    use crate::report::Format;
    use crate::report::tests::sample;

    #[test]
    fn a_row_for_each_clause_and_the_failures_below() {
        let expected = r#"# sam"ple

| | clause | verdict | cases |
|---|---|---|---|
| C01 | a key never set reads as None | passed | 1 of 1 |
| C03 | set replaces value and expiry | **failed** | 1 of 2 |
| C20 | durable records survive a restart | ignored: not declared durable | 0 of 1 |

## Failed

* `c03_replaces`: expected \<"old"\> \& 'new' \| \]\]\> / \\tsaw \`\\u\{1b\}\[31m\\u\{0\}\`

sam"ple breaks C03: 2 passed, 1 failed, 1 ignored in 2.00 s, SESSION\_STORE\_SEED=7
"#;
        assert_eq!(sample().render(Format::Markdown), expected);
    }
}
