//! How far a run has come.

use std::io::{self, IsTerminal, Write};

use crate::report::{CaseReport, Verdict};

/// How far a run has come, told after each case.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Progress {
    /// Cases that have ended.
    pub done: usize,
    /// Cases of this run.
    pub total: usize,
    /// Cases that failed.
    pub failed: usize,
    /// The case that ended last.
    pub last: CaseReport,
}

impl Progress {
    /// Adds the case that ended, to what stood before it.
    pub(crate) fn after(before: Option<Self>, total: usize, last: CaseReport) -> Self {
        let (done, failed) = before.map_or((0, 0), |before| (before.done, before.failed));
        let fails = matches!(last.verdict(), Verdict::Failed(_));
        Self {
            done: done + 1,
            total,
            failed: failed + usize::from(fails),
            last,
        }
    }

    /// Shows the progress as one line on the standard error, rewritten each time and cleared at the
    /// end. Where that is no terminal it shows nothing.
    pub fn show(&self) {
        let mut terminal = io::stderr().lock();
        if terminal.is_terminal() {
            // A report is worth more than its progress line, which may fail.
            let _ = terminal.write_all(self.line().as_bytes());
            let _ = terminal.flush();
        }
    }

    fn line(&self) -> String {
        const CLEAR: &str = "\r\x1B[K";
        if self.done == self.total {
            return CLEAR.to_owned();
        }
        let Self {
            done,
            total,
            failed,
            last,
        } = self;
        format!(
            "{CLEAR}{done}/{total} cases, {failed} failed: {}",
            last.name()
        )
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn counts_and_clears() {
        let case = |verdict| CaseReport::new("c01_a", "C01".to_owned(), verdict, Duration::ZERO);
        let first = Progress::after(None, 2, case(Verdict::Failed("why".to_owned())));
        assert_eq!(first.line(), "\r\x1B[K1/2 cases, 1 failed: c01_a");
        let second = Progress::after(Some(first), 2, case(Verdict::Passed));
        assert_eq!((second.done, second.failed), (2, 1));
        assert_eq!(second.line(), "\r\x1B[K");
    }
}
