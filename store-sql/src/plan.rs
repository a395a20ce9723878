//! Which calls of a batch share a statement.
//!
//! Calls on one record take effect in their order; calls on different records need none. So a batch is
//! cut into waves: within a wave no two calls touch one record, and all that are of a kind are one
//! statement. Almost always there is one wave.

use std::collections::HashMap;
use std::ops::Range;

use crate::database::{Kind, Row};
use crate::write::{Change, Write};

/// The statements of a batch.
pub(crate) struct Plan<'a> {
    groups: Vec<Group<'a>>,
    /// For each call, the one behind it that does its work too.
    overwritten: Vec<Option<usize>>,
}

/// The calls of one statement.
pub(crate) struct Group<'a> {
    wave: usize,
    pub(crate) kind: Kind,
    /// In the order of their keys.
    members: Vec<Member<'a>>,
}

/// A call, and its place in the batch.
struct Member<'a> {
    place: usize,
    row: Row<'a>,
}

impl<'a> Plan<'a> {
    pub(crate) fn new(calls: &'a [Write]) -> Self {
        let overwritten = overwritten(calls);
        let mut groups: Vec<Group<'a>> = Vec::new();
        // In which wave the next call on a record goes.
        let mut waves: HashMap<&str, usize> = HashMap::with_capacity(calls.len());
        for (place, call) in calls.iter().enumerate() {
            let Write::Record(key, change) = call else {
                continue;
            };
            if overwritten[place].is_some() {
                continue;
            }
            let next = waves.entry(key.as_str()).or_default();
            let (wave, kind) = (*next, change.kind());
            *next += 1;
            let row = change.row(key.as_str());
            let member = Member { place, row };
            // The latest groups are the likeliest, and there are six for each wave.
            match groups
                .iter_mut()
                .rev()
                .find(|group| group.wave == wave && group.kind == kind)
            {
                Some(group) => group.members.push(member),
                None => groups.push(Group {
                    wave,
                    kind,
                    members: vec![member],
                }),
            }
        }
        groups.sort_by_key(|group| group.wave);
        for group in &mut groups {
            group.members.sort_unstable_by_key(|member| member.row.key);
        }
        Self {
            groups,
            overwritten,
        }
    }

    /// The statements in their order.
    pub(crate) fn groups(&self) -> impl Iterator<Item = &Group<'a>> {
        self.groups.iter()
    }

    /// Gives the calls that were not run the answer of the one that did their work too.
    pub(crate) fn answer_overwritten<T: Clone>(&self, answers: &mut [T]) {
        for (place, by) in self.overwritten.iter().enumerate().rev() {
            if let Some(by) = by {
                answers[place] = answers[*by].clone();
            }
        }
    }
}

impl<'a> Group<'a> {
    pub(crate) fn rows(&self) -> Vec<Row<'a>> {
        self.members.iter().map(|member| member.row).collect()
    }

    /// The places in the batch of some of its rows.
    pub(crate) fn places(&self, part: Range<usize>) -> impl Iterator<Item = usize> {
        self.members[part].iter().map(|member| member.place)
    }

    /// The place in the batch of the row with this key.
    pub(crate) fn place(&self, key: &str) -> Option<usize> {
        let at = self
            .members
            .binary_search_by(|member| member.row.key.cmp(key));
        Some(self.members[at.ok()?].place)
    }
}

/// For each call, the next one on its record, if both are plain writes: then that one is enough.
fn overwritten(calls: &[Write]) -> Vec<Option<usize>> {
    let mut overwritten = vec![None; calls.len()];
    let mut next: HashMap<&str, (usize, bool)> = HashMap::with_capacity(calls.len());
    for (place, call) in calls.iter().enumerate().rev() {
        if let Write::Record(key, change) = call {
            let plain = matches!(**change, Change::Set(_) | Change::Destroy);
            overwritten[place] = match next.insert(key.as_str(), (place, plain)) {
                Some((by, true)) if plain => Some(by),
                _ => None,
            };
        }
    }
    overwritten
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use session_store_api::SessionKey;

    use super::*;
    use crate::write::Content;

    fn call(key: &str, change: Change) -> Write {
        Write::Record(SessionKey::new(key).unwrap(), Arc::new(change))
    }

    fn content() -> Content {
        Content {
            value: Vec::new(),
            life: 1,
        }
    }

    fn places(plan: &Plan<'_>) -> Vec<Vec<usize>> {
        plan.groups()
            .map(|group| group.places(0..group.members.len()).collect())
            .collect()
    }

    #[test]
    fn calls_on_one_record_stand_in_their_order_whatever_else_there_is() {
        let calls = [
            call("a", Change::Touch(1)),
            call("a", Change::SetIfPresent(content())),
            call("b", Change::SetIfPresent(content())),
            call("b", Change::Touch(1)),
        ];
        let places = places(&Plan::new(&calls));
        // Two waves of two kinds: no call stands before an earlier one on its record.
        assert_eq!(places.len(), 4);
        let at = |place| {
            places
                .iter()
                .position(|group| group.contains(&place))
                .unwrap()
        };
        assert!(at(0) < at(1) && at(2) < at(3), "{places:?}");
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
        assert_eq!(places(&plan), [[3, 1]]);
        let mut answers = ["", "b", "", "failed"];
        plan.answer_overwritten(&mut answers);
        assert_eq!(answers, ["failed", "b", "failed", "failed"]);
    }

    #[test]
    fn rows_stand_in_the_order_of_their_keys() {
        let calls = ["b", "B", "a~", "a", "c"].map(|key| call(key, Change::Touch(1)));
        let plan = Plan::new(&calls);
        let group = plan.groups().next().unwrap();
        let keys: Vec<&str> = group.rows().iter().map(|row| row.key).collect();
        assert_eq!(keys, ["B", "a", "a~", "b", "c"]);
        assert_eq!(group.place("a~"), Some(2));
        assert_eq!(group.place("A"), None);
    }
}
