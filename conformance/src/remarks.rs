//! What a case says beside its finding.

use std::sync::{Arc, Mutex, PoisonError};

use crate::report::Verdict;

/// What a case says beside its finding. Cheap to clone; clones are the same remarks.
#[derive(Clone, Debug, Default)]
pub(crate) struct Remarks(Arc<Mutex<Said>>);

#[derive(Debug, Default)]
struct Said {
    notes: Vec<String>,
    inapplicable: Option<String>,
}

impl Remarks {
    /// Adds to what the report shows beside a verdict: how much was tried, under what.
    pub(crate) fn note(&self, note: impl Into<String>) {
        let note = note.into();
        self.with(|said| {
            if !said.notes.contains(&note) {
                said.notes.push(note);
            }
        });
    }

    /// Says that the case turned out not to apply, and why: it is ignored if it found nothing wrong.
    pub(crate) fn inapplicable(&self, reason: &str) {
        self.with(|said| said.inapplicable = Some(reason.to_owned()));
    }

    /// All the notes in one, if there are any.
    pub(crate) fn notes(&self) -> Option<String> {
        self.with(|said| (!said.notes.is_empty()).then(|| said.notes.join(", ")))
    }

    /// The verdict on a case that found nothing wrong.
    pub(crate) fn verdict(&self) -> Verdict {
        self.with(|said| match &said.inapplicable {
            None => Verdict::Passed,
            Some(reason) => Verdict::Ignored(reason.clone()),
        })
    }

    fn with<T>(&self, act: impl FnOnce(&mut Said) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_case_that_does_not_apply_has_not_passed() {
        let remarks = Remarks::default();
        assert_eq!(remarks.verdict(), Verdict::Passed);
        remarks.inapplicable("why");
        assert_eq!(remarks.verdict(), Verdict::Ignored("why".to_owned()));
    }

    #[test]
    fn each_note_is_said_once() {
        let remarks = Remarks::default();
        assert_eq!(remarks.notes(), None);
        for note in ["under Down", "7 calls", "under Down"] {
            remarks.clone().note(note);
        }
        assert_eq!(remarks.notes().as_deref(), Some("under Down, 7 calls"));
    }
}
