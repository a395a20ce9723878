//! What tests said, and the table of it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// What the tests of one crate said, or some of them.
#[derive(Default)]
pub(super) struct Row {
    pub(super) package: String,
    pub(super) passed: u32,
    pub(super) failed: u32,
    /// How many were ignored, by their own count and by the reason that they gave.
    ignored: u32,
    reasons: BTreeMap<String, u32>,
    pub(super) time: Duration,
    /// The servers that they ran, as those said themselves.
    pub(super) servers: BTreeSet<String>,
}

impl Row {
    pub(super) fn of(package: &str) -> Self {
        Self {
            package: package.to_owned(),
            ..Self::default()
        }
    }

    /// Reads a line that a test binary printed: `test result: ok. 3 passed; 0 failed; 1 ignored; …` or
    /// `test name ... ignored, reason`. Passes over any other.
    pub(super) fn read(&mut self, line: &str) {
        if line.starts_with("test ")
            && let Some((_, reason)) = line.split_once("... ignored")
        {
            let reason = reason.trim_matches([' ', ',', '(', ')']);
            *self.reasons.entry(reason.to_owned()).or_default() += 1;
        }
        let Some((_, counts)) = line
            .strip_prefix("test result: ")
            .and_then(|rest| rest.split_once(". "))
        else {
            return;
        };
        for count in counts.split("; ") {
            let Some((number, what)) = count.split_once(' ') else {
                continue;
            };
            let number = number.parse().unwrap_or(0);
            match what {
                "passed" => self.passed += number,
                "failed" => self.failed += number,
                "ignored" => self.ignored += number,
                _ => {}
            }
        }
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.passed += other.passed;
        self.ignored += other.ignored;
        self.failed += other.failed;
        for (reason, count) in &other.reasons {
            *self.reasons.entry(reason.clone()).or_default() += count;
        }
        self.time += other.time;
        self.servers.extend(other.servers.iter().cloned());
    }

    /// Tells what was run, and how it went.
    pub(super) fn print(&self, what: &str) {
        let Self {
            package,
            passed,
            failed,
            ..
        } = self;
        let time = self.time.as_secs_f32();
        let verdict = if *failed == 0 { "ok" } else { "FAILED" };
        println!(
            "  {package:<32} {what:<24} {passed:>4} passed {failed:>3} failed {time:>7.1} s  {verdict}"
        );
    }

    fn line(&self) -> String {
        let cases = self.passed + self.ignored + self.failed;
        let time = self.time.as_secs_f32();
        let servers = Vec::from_iter(self.servers.iter().map(String::as_str)).join(", ");
        let Self {
            package,
            passed,
            ignored,
            failed,
            ..
        } = self;
        let line = format!(
            "{package:<32} {cases:>6} {passed:>7} {ignored:>8} {failed:>7} {time:>7.1} s  {servers}"
        );
        line.trim_end().to_owned()
    }
}

/// Prints a line for each crate and one for all, and why tests were ignored.
pub(super) fn print(rows: &[Row]) {
    println!(
        "\n{:<32} {:>6} {:>7} {:>8} {:>7} {:>9}  servers",
        "crate", "cases", "passed", "ignored", "failed", "time"
    );
    let mut all = Row::of("all");
    for row in rows {
        println!("{}", row.line());
        all.add(row);
    }
    all.servers.clear();
    println!("{}", all.line());
    if !all.reasons.is_empty() {
        println!("\nIgnored, and why:");
    }
    for Row {
        package, reasons, ..
    } in rows
    {
        for (reason, count) in reasons {
            println!("{package:<32} {count:>6} {reason}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_counts_what_the_binaries_of_a_crate_printed() {
        let mut row = Row::of("store");
        for line in [
            "test store::c01_get ... ok",
            "test store::c02_outage ... ignored, no power over the server",
            "test result: FAILED. 3 passed; 2 failed; 1 ignored; 0 measured; 0 filtered out",
        ] {
            row.read(line);
        }
        let mut all = Row::of("all");
        all.add(&row);
        all.add(&row);
        let counts = (all.passed, all.failed, all.ignored);
        assert_eq!(counts, (6, 4, 2));
        let reasons = [("no power over the server".to_owned(), 2)];
        assert_eq!(all.reasons, BTreeMap::from(reasons));
    }
}
