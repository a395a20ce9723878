//! The report as a table for a terminal.

use std::fmt;

use super::{Report, one_line};

pub(super) fn write(report: &Report, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let names = report.cases.iter().map(|case| case.name.len());
    let width = names.max().unwrap_or_default().max("case".len());
    writeln!(f, "clause  {:width$}  verdict     time  reason", "case")?;
    for case in &report.cases {
        let reason = case.verdict.reason().or(case.note());
        let reason = reason.map(one_line).unwrap_or_default();
        let verdict = if case.failed() {
            "FAILED" // to be seen in a long table
        } else {
            case.verdict.as_str()
        };
        let row = format!(
            "{:6}  {:width$}  {verdict:7}  {:5.2} s  {reason}",
            case.clause,
            case.name,
            case.duration.as_secs_f64(),
        );
        writeln!(f, "{}", row.trim_end())?;
    }
    write!(f, "\n{}", report.summary())
}

#[cfg(test)]
mod tests {
    use crate::report::tests::sample;

    #[test]
    fn a_row_for_each_case_and_a_summary() {
        let expected = "\
clause  case                 verdict     time  reason
C01     c01_missing_is_none  passed    1.50 s
C03     c03_replaces         FAILED    1.50 s  expected <\"old\"> & 'new' | ]]> / \\tsaw `\\u{1b}[31m\\u{0}`
C03     c03_shorter          passed    1.50 s  7 values
C20     c20_restart          ignored   1.50 s  not declared durable

sam\"ple breaks C03: 2 passed, 1 failed, 1 ignored in 2.00 s, SESSION_STORE_SEED=7";
        assert_eq!(sample().to_string(), expected);
    }
}
