//! What a run found.

use std::fmt;
use std::time::Duration;

use crate::seed;

mod format;
mod json;
mod junit;
mod markdown;
mod text;

pub use self::format::{Format, UnknownFormat};

/// What a run found.
///
/// [`Display`](fmt::Display) and [`render`](Self::render) print it. The reasons in it show neither keys
/// nor values.
#[derive(Clone, Debug)]
pub struct Report {
    suite: String,
    seed: u64,
    duration: Duration,
    cases: Vec<CaseReport>,
}

/// What one case found.
#[derive(Clone, Debug)]
pub struct CaseReport {
    name: &'static str,
    clause: String,
    verdict: Verdict,
    note: Option<String>,
    duration: Duration,
}

/// What became of a case.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// The store keeps the clause, as far as this case sees.
    Passed,
    /// The store breaks the clause; what was expected and what was seen.
    Failed(String),
    /// The case could not run here, and why.
    Ignored(String),
}

impl Report {
    pub(crate) fn new(
        suite: String,
        seed: u64,
        duration: Duration,
        cases: Vec<CaseReport>,
    ) -> Self {
        Self {
            suite,
            seed,
            duration,
            cases,
        }
    }

    /// Whether the store was proven: no case failed, and at least one passed. A run that could not
    /// test anything has not passed.
    #[must_use]
    pub fn passed(&self) -> bool {
        let counts = self.counts();
        counts.failed == 0 && counts.passed > 0
    }

    /// The suite's name.
    #[must_use]
    pub fn suite(&self) -> &str {
        &self.suite
    }

    /// The seed of every random choice; `SESSION_STORE_SEED` or [`Suite::seed`](crate::Suite::seed)
    /// repeats them.
    #[must_use]
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// How long the run took.
    #[must_use]
    pub fn duration(&self) -> Duration {
        self.duration
    }

    /// Every case, in the order of its clause.
    #[must_use]
    pub fn cases(&self) -> &[CaseReport] {
        &self.cases
    }

    /// The report in one of its forms, ending with a line end.
    #[must_use]
    pub fn render(&self, format: Format) -> String {
        match format {
            Format::Text => format!("{self}\n"),
            Format::Json => json::render(self),
            Format::JUnit => junit::render(self),
            Format::Markdown => markdown::render(self),
        }
    }

    fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for case in &self.cases {
            match case.verdict {
                Verdict::Passed => counts.passed += 1,
                Verdict::Failed(_) => counts.failed += 1,
                Verdict::Ignored(_) => counts.ignored += 1,
            }
        }
        counts
    }

    /// The whole report in one line.
    fn summary(&self) -> String {
        let Counts {
            passed,
            failed,
            ignored,
        } = self.counts();
        let found = match (passed, failed) {
            (0, 0) => "was not tested".to_owned(),
            (0, _) => "passes no case".to_owned(),
            (_, 0) => "keeps the contract".to_owned(),
            _ => format!("breaks {}", self.broken_clauses().join(", ")),
        };
        let (suite, seconds) = (&self.suite, self.duration.as_secs_f64());
        let (variable, seed) = (seed::VARIABLE, self.seed);
        format!(
            "{suite} {found}: {passed} passed, {failed} failed, {ignored} ignored \
             in {seconds:.2} s, {variable}={seed}"
        )
    }

    fn broken_clauses(&self) -> Vec<&str> {
        let failed = self.cases.iter().filter(|case| case.failed());
        let mut clauses: Vec<&str> = failed.map(CaseReport::clause).collect();
        clauses.dedup();
        clauses
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        text::write(self, f)
    }
}

impl CaseReport {
    pub(crate) fn new(
        name: &'static str,
        clause: String,
        verdict: Verdict,
        duration: Duration,
    ) -> Self {
        Self {
            name,
            clause,
            verdict,
            note: None,
            duration,
        }
    }

    pub(crate) fn with_note(self, note: Option<String>) -> Self {
        Self { note, ..self }
    }

    /// The case's name: `c01_missing_is_none`.
    #[must_use]
    pub fn name(&self) -> &str {
        self.name
    }

    /// The clause it proves: `C01`.
    #[must_use]
    pub fn clause(&self) -> &str {
        &self.clause
    }

    /// What became of it.
    #[must_use]
    pub fn verdict(&self) -> &Verdict {
        &self.verdict
    }

    /// What the case tells beside its verdict, if anything: how much it tried, or under which faults.
    #[must_use]
    pub fn note(&self) -> Option<&str> {
        self.note.as_deref()
    }

    /// How long it took.
    #[must_use]
    pub fn duration(&self) -> Duration {
        self.duration
    }

    fn failed(&self) -> bool {
        matches!(self.verdict, Verdict::Failed(_))
    }
}

impl Verdict {
    /// The verdict in one word: `passed`, `failed` or `ignored`.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed(_) => "failed",
            Self::Ignored(_) => "ignored",
        }
    }

    /// Why a case failed or was ignored.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Passed => None,
            Self::Failed(reason) | Self::Ignored(reason) => Some(reason),
        }
    }
}

#[derive(Default)]
struct Counts {
    passed: usize,
    failed: usize,
    ignored: usize,
}

/// Makes one harmless line of a reason: a store's error may hold line ends and escape sequences.
fn one_line(reason: &str) -> String {
    let mut line = String::with_capacity(reason.len());
    for char in reason.trim().chars() {
        match char {
            '\n' => line.push_str(" / "),
            char if char.is_control() => line.extend(char.escape_default()),
            char => line.push(char),
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A report with every verdict and a reason made to break each format.
    pub(super) fn sample() -> Report {
        let hostile = "expected <\"old\"> & 'new' | ]]>\n\tsaw `\u{1b}[31m\0`";
        let case = |name: &'static str, verdict| {
            let clause = name[..3].to_uppercase();
            CaseReport::new(name, clause, verdict, Duration::from_millis(1_500))
        };
        let cases = vec![
            case("c01_missing_is_none", Verdict::Passed),
            case("c03_replaces", Verdict::Failed(hostile.to_owned())),
            case("c03_shorter", Verdict::Passed).with_note(Some("7 values".to_owned())),
            case(
                "c20_restart",
                Verdict::Ignored("not declared durable".to_owned()),
            ),
        ];
        Report::new("sam\"ple".to_owned(), 7, Duration::from_secs(2), cases)
    }

    #[test]
    fn passed_means_that_something_was_proven() {
        let report = |verdicts: Vec<Verdict>| {
            let case = |verdict| CaseReport::new("c01_a", "C01".into(), verdict, Duration::ZERO);
            let cases = verdicts.into_iter().map(case).collect();
            Report::new(String::new(), 0, Duration::ZERO, cases)
        };
        let failed = || Verdict::Failed(String::new());
        let ignored = || Verdict::Ignored(String::new());
        assert!(report(vec![Verdict::Passed, ignored()]).passed());
        assert!(!report(vec![Verdict::Passed, failed()]).passed());
        assert!(!report(vec![ignored()]).passed());
        assert!(!report(vec![]).passed());
    }

    #[test]
    fn one_line_keeps_the_text_and_no_control_character() {
        let line = one_line("expected a\r\nsaw\t\u{1b}[31mb\n");
        assert_eq!(line, "expected a\\r / saw\\t\\u{1b}[31mb");
    }
}
