//! Which calls of a batch share a command.
//!
//! The server carries out the updates of one command in their order, and so the deletes of another. So calls
//! on one record may share a command unless one of them updates it and the next deletes it: there the batch
//! is cut into waves. Almost always there is one wave.

use std::collections::HashMap;

use session_store_api::SessionKey;

use crate::write::{Change, Write};

/// The commands of a batch.
pub(crate) struct Plan {
    waves: Vec<Wave>,
    /// For each call, the one behind it that does its work too.
    overwritten: Vec<Option<usize>>,
}

/// Commands that touch no record in common: the places of their calls in the batch.
#[derive(Default)]
pub(crate) struct Wave {
    pub(crate) updates: Vec<usize>,
    pub(crate) deletes: Vec<usize>,
}

impl Plan {
    pub(crate) fn new(calls: &[Write]) -> Self {
        let overwritten = overwritten(calls);
        let mut waves: Vec<Wave> = Vec::new();
        // The last call on each record: in which wave it is, and whether it deletes.
        let mut last: HashMap<&SessionKey, (usize, bool)> = HashMap::with_capacity(calls.len());
        for (place, call) in calls.iter().enumerate() {
            if overwritten[place].is_some() {
                continue;
            }
            let deletes = matches!(call.change, Change::Destroy);
            let wave = match last.get(&call.key) {
                None => 0,
                Some((wave, before)) => wave + usize::from(*before != deletes),
            };
            last.insert(&call.key, (wave, deletes));
            if wave == waves.len() {
                waves.push(Wave::default());
            }
            let places = match deletes {
                true => &mut waves[wave].deletes,
                false => &mut waves[wave].updates,
            };
            places.push(place);
        }
        Self { waves, overwritten }
    }

    /// The commands in their order.
    pub(crate) fn waves(&self) -> &[Wave] {
        &self.waves
    }

    /// Gives the calls that were not sent the answer of the one that did their work too.
    pub(crate) fn answer_overwritten<T: Clone>(&self, answers: &mut [T]) {
        for (place, by) in self.overwritten.iter().enumerate().rev() {
            if let Some(by) = by {
                answers[place] = answers[*by].clone();
            }
        }
    }
}

/// For each call, the next one on its record, if both are plain writes: then that one is enough.
fn overwritten(calls: &[Write]) -> Vec<Option<usize>> {
    let mut overwritten = vec![None; calls.len()];
    let mut next: HashMap<&SessionKey, (usize, bool)> = HashMap::with_capacity(calls.len());
    for (place, call) in calls.iter().enumerate().rev() {
        let plain = matches!(call.change, Change::Set(_) | Change::Destroy);
        overwritten[place] = match next.insert(&call.key, (place, plain)) {
            Some((by, true)) if plain => Some(by),
            _ => None,
        };
    }
    overwritten
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::write::Content;

    fn call(key: &str, change: Change) -> Write {
        let key = SessionKey::new(key).unwrap();
        Write { key, change }
    }

    fn content() -> Content {
        Content {
            value: Vec::new(),
            life: 1,
        }
    }

    #[test]
    fn calls_on_one_record_stand_in_their_order_whatever_else_there_is() {
        let calls = [
            call("a", Change::SetIfAbsent(content())),
            call("b", Change::Destroy),
            call("a", Change::Touch(1)),
            call("a", Change::Destroy),
            call("b", Change::SetIfPresent(content())),
            call("a", Change::SetIfPresent(content())),
        ];
        let plan = Plan::new(&calls);
        let waves: Vec<_> = plan
            .waves()
            .iter()
            .map(|wave| (&*wave.updates, &*wave.deletes))
            .collect();
        assert_eq!(
            waves,
            [
                (&[0, 2][..], &[1][..]),
                (&[4][..], &[3][..]),
                (&[5][..], &[][..])
            ]
        );
    }

    #[test]
    fn a_call_whose_work_another_does_gets_its_answer() {
        let calls = [
            call("a", Change::Set(content())),
            call("b", Change::Set(content())),
            call("a", Change::Destroy),
            call("a", Change::Set(content())),
        ];
        let plan = Plan::new(&calls);
        let [Wave { updates, deletes }] = plan.waves() else {
            panic!("one wave");
        };
        assert_eq!((&updates[..], &deletes[..]), (&[1, 3][..], &[][..]));
        let mut answers = ["", "b", "", "failed"];
        plan.answer_overwritten(&mut answers);
        assert_eq!(answers, ["failed", "b", "failed", "failed"]);
    }
}
