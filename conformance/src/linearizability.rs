//! Whether what concurrent callers saw could have happened one call after the other.

use std::collections::HashSet;
use std::fmt;

/// What may be asked of one record. Values are small numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    Get,
    Set(u8),
    Destroy,
    Absent(u8),
    Present(u8),
    Unchanged { expected: u8, new: u8 },
    Touch,
}

/// What may be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Value(Option<u8>),
    Done,
    Wrote(bool),
}

/// A call and its answer, between two ticks of a clock that all callers share.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Event {
    pub(crate) began: u64,
    pub(crate) ended: u64,
    pub(crate) call: Call,
    /// None if the call failed: it may have been carried out, or be so at any time from its beginning on.
    pub(crate) answer: Option<Answer>,
}

/// What was called and answered on one record that did not exist before.
#[derive(Clone, Debug, Default)]
pub(crate) struct History(Vec<Event>);

impl History {
    /// A history of at most 32 events.
    pub(crate) fn new(mut events: Vec<Event>) -> Self {
        assert!(events.len() <= 32, "a history is short");
        events.sort_by_key(|event| event.began);
        Self(events)
    }

    /// Whether there is an order of these events in which every answer is right, and in which no event
    /// comes before one that had ended when it began.
    ///
    /// The search is Wing and Gong's: of the events that are left, any may be next that began before the
    /// first of them ended. What was tried once, as a set of events and a state, is not tried again.
    pub(crate) fn is_linearizable(&self) -> bool {
        self.goes_on(0, None, &mut HashSet::new())
    }

    /// Whether the events not in the set `placed` can follow on this state.
    fn goes_on(
        &self,
        placed: u64,
        state: Option<u8>,
        tried: &mut HashSet<(u64, Option<u8>)>,
    ) -> bool {
        let left = || {
            let events = self.0.iter().enumerate();
            events.filter(move |(place, _)| placed & (1 << place) == 0)
        };
        let answered = left().filter(|(_, event)| event.answer.is_some());
        let Some(first_end) = answered.map(|(_, event)| event.ended).min() else {
            return true;
        };
        if !tried.insert((placed, state)) {
            return false;
        }
        left()
            .filter(|(_, event)| event.began < first_end)
            .any(|(place, event)| {
                let (answer, next) = event.call.on(state);
                let fits = match event.answer {
                    Some(seen) => seen == answer,
                    // Without an effect it need not have a place.
                    None => next != state,
                };
                fits && self.goes_on(placed | 1 << place, next, tried)
            })
    }
}

impl Call {
    /// What the call answers on this state, and what state it leaves.
    fn on(self, state: Option<u8>) -> (Answer, Option<u8>) {
        let write = |holds: bool, new: u8| {
            let next = if holds { Some(new) } else { state };
            (Answer::Wrote(holds), next)
        };
        match self {
            Self::Get => (Answer::Value(state), state),
            Self::Set(new) => (Answer::Done, Some(new)),
            Self::Destroy => (Answer::Done, None),
            Self::Absent(new) => write(state.is_none(), new),
            Self::Present(new) => write(state.is_some(), new),
            Self::Unchanged { expected, new } => write(state == Some(expected), new),
            Self::Touch => (Answer::Wrote(state.is_some()), state),
        }
    }
}

impl fmt::Display for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for event in &self.0 {
            let Event {
                began,
                ended,
                call,
                answer,
            } = event;
            write!(f, "\n  {began:>3} to {ended:>3}  {call:?} -> ")?;
            match answer {
                Some(answer) => write!(f, "{answer:?}")?,
                None => f.write_str("an error")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod agreement;

#[cfg(test)]
mod tests {
    use super::Answer::{Done, Value, Wrote};
    use super::Call::{Absent, Destroy, Get, Present, Set, Touch, Unchanged};
    use super::*;

    fn history<const N: usize>(events: [(u64, u64, Call, Answer); N]) -> History {
        let event = |(began, ended, call, answer)| Event {
            began,
            ended,
            call,
            answer: Some(answer),
        };
        History::new(events.map(event).into())
    }

    #[test]
    fn one_after_the_other() {
        let swap = Unchanged {
            expected: 1,
            new: 2,
        };
        let good = history([
            (0, 1, Get, Value(None)),
            (2, 3, Absent(1), Wrote(true)),
            (4, 5, Absent(9), Wrote(false)),
            (6, 7, swap, Wrote(true)),
            (8, 9, swap, Wrote(false)),
            (10, 11, Present(3), Wrote(true)),
            (12, 13, Touch, Wrote(true)),
            (14, 15, Get, Value(Some(3))),
            (16, 17, Destroy, Done),
            (18, 19, Touch, Wrote(false)),
            (20, 21, Present(4), Wrote(false)),
            (22, 23, Get, Value(None)),
        ]);
        assert!(good.is_linearizable());
        assert!(History::default().is_linearizable());
    }

    #[test]
    fn what_overlaps_may_come_in_either_order() {
        for seen in [None, Some(1)] {
            let overlapping = [(0, 9, Set(1), Done), (1, 8, Get, Value(seen))];
            assert!(history(overlapping).is_linearizable());
        }
        // Also in an order that is neither that of the beginnings nor that of the ends.
        let good = history([
            (0, 9, Set(1), Done),
            (1, 8, Set(2), Done),
            (2, 3, Get, Value(Some(2))),
            (4, 5, Get, Value(Some(1))),
        ]);
        assert!(good.is_linearizable());
    }

    #[test]
    fn a_stale_read_is_found() {
        let stale = history([
            (0, 1, Set(1), Done),
            (2, 3, Set(2), Done),
            (4, 5, Get, Value(Some(1))),
        ]);
        assert!(!stale.is_linearizable());
        let back_and_forth = history([
            (0, 1, Set(1), Done),
            (2, 9, Set(2), Done),
            (3, 4, Get, Value(Some(2))),
            (5, 6, Get, Value(Some(1))),
        ]);
        assert!(!back_and_forth.is_linearizable());
        let unwritten = history([(0, 1, Set(1), Done), (2, 3, Get, Value(Some(7)))]);
        assert!(!unwritten.is_linearizable());
    }

    #[test]
    fn a_lost_update_is_found() {
        let from_one = |new| Unchanged { expected: 1, new };
        let lost = history([
            (0, 1, Set(1), Done),
            (2, 8, from_one(2), Wrote(true)),
            (3, 9, from_one(3), Wrote(true)),
        ]);
        assert!(!lost.is_linearizable());
        let forgotten = history([
            (0, 1, Set(1), Done),
            (2, 9, from_one(2), Wrote(true)),
            (3, 8, Touch, Wrote(true)),
            (10, 11, Get, Value(Some(1))),
        ]);
        assert!(!forgotten.is_linearizable());
    }

    #[test]
    fn what_failed_may_be_done_late_or_never() {
        let reads = |seen: [Option<u8>; 3]| {
            let mut history = history([
                (0, 1, Set(1), Done),
                (4, 5, Get, Value(seen[0])),
                (6, 7, Get, Value(seen[1])),
                (8, 9, Get, Value(seen[2])),
            ]);
            history.0.insert(
                1,
                Event {
                    began: 2,
                    ended: 3,
                    call: Set(2),
                    answer: None,
                },
            );
            history.is_linearizable()
        };
        let (old, new) = (Some(1), Some(2));
        assert!(reads([old, old, old]), "never");
        assert!(reads([new, new, new]), "at once");
        assert!(reads([old, old, new]), "late");
        assert!(!reads([new, old, old]), "undone");
        assert!(!reads([new, old, new]), "twice");
    }

    #[test]
    fn a_check_before_a_write_is_found() {
        let both = history([
            (0, 8, Absent(1), Wrote(true)),
            (1, 9, Absent(2), Wrote(true)),
        ]);
        assert!(!both.is_linearizable());
        let between = history([
            (0, 1, Set(1), Done),
            (2, 8, Present(2), Wrote(true)),
            (3, 7, Destroy, Done),
            (9, 10, Get, Value(Some(2))),
        ]);
        assert!(!between.is_linearizable(), "the destroyed came back");
        let fine = history([
            (0, 1, Set(1), Done),
            (2, 8, Present(2), Wrote(true)),
            (3, 7, Destroy, Done),
            (9, 10, Get, Value(None)),
        ]);
        assert!(fine.is_linearizable());
    }
}
