//! The report as JSON.

use serde::Serialize;

use super::Report;
use crate::clauses;

#[derive(Serialize)]
struct JsonReport<'a> {
    suite: &'a str,
    /// As text, since many readers of JSON round large numbers.
    seed: String,
    seconds: f64,
    proven: bool,
    passed: usize,
    failed: usize,
    ignored: usize,
    cases: Vec<JsonCase<'a>>,
}

#[derive(Serialize)]
struct JsonCase<'a> {
    clause: &'a str,
    promise: &'a str,
    name: &'a str,
    verdict: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<&'a str>,
    seconds: f64,
}

pub(super) fn render(report: &Report) -> String {
    let counts = report.counts();
    let cases = report.cases.iter().map(|case| JsonCase {
        clause: &case.clause,
        promise: clauses::promise(&case.clause),
        name: case.name,
        verdict: case.verdict.as_str(),
        reason: case.verdict.reason(),
        note: case.note(),
        seconds: case.duration.as_secs_f64(),
    });
    let report = JsonReport {
        suite: &report.suite,
        seed: report.seed.to_string(),
        seconds: report.duration.as_secs_f64(),
        proven: report.passed(),
        passed: counts.passed,
        failed: counts.failed,
        ignored: counts.ignored,
        cases: cases.collect(),
    };
    let mut json =
        serde_json::to_string_pretty(&report).expect("numbers and texts have a JSON form");
    json.push('\n');
    json
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::report::tests::sample;

    #[test]
    fn reads_back_whole() {
        let report = sample();
        let read: Value = serde_json::from_str(&render(&report)).unwrap();
        assert_eq!(read["suite"], "sam\"ple");
        assert_eq!(read["seed"], "7");
        assert_eq!(read["proven"], false);
        assert_eq!(
            [&read["passed"], &read["failed"], &read["ignored"]],
            [2, 1, 1]
        );
        assert_eq!(
            read["cases"][1],
            json!({
                "clause": "C03",
                "promise": "set replaces value and expiry",
                "name": "c03_replaces",
                "verdict": "failed",
                "reason": report.cases()[1].verdict().reason(),
                "seconds": 1.5,
            })
        );
        assert_eq!(read["cases"][0].get("reason"), None);
        assert_eq!(read["cases"][0].get("note"), None);
        assert_eq!(read["cases"][2]["note"], "7 values");
    }
}
