//! Which calls of a batch share a statement.
//!
//! Calls on one record take effect in their order; calls on different records need none. So a batch is
//! cut into waves: within a wave no two calls touch one record, and all that are of a kind are one
//! statement. Almost always there is one wave.

use std::collections::HashMap;

use sqlx::query::Query;
use sqlx::sqlite::{SqliteArguments, SqliteConnection, SqliteRow};
use sqlx::{Row, Sqlite};

use crate::statements::{ForRows, Statements};
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
    kind: Kind,
    members: Vec<Member<'a>>,
}

/// Which statement.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Set,
    SetIfAbsent,
    SetIfPresent,
    SetIfUnchanged,
    Touch,
    Destroy,
}

/// A call, and its place in the batch.
struct Member<'a> {
    place: usize,
    key: &'a str,
    change: &'a Change,
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
            let key = key.as_str();
            let next = waves.entry(key).or_default();
            let (wave, kind) = (*next, Kind::of(change));
            *next += 1;
            let member = Member { place, key, change };
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

impl Group<'_> {
    /// Runs the statement; says at which places of the batch a condition held.
    pub(crate) async fn run(
        &self,
        connection: &mut SqliteConnection,
        statements: &Statements,
    ) -> sqlx::Result<Vec<usize>> {
        // Plain writes return nothing, conditional ones the keys of the records that they changed.
        let changed = self.query(statements).fetch_all(connection).await?;
        if changed.is_empty() {
            return Ok(Vec::new());
        }
        let places: HashMap<&str, usize> = self
            .members
            .iter()
            .map(|member| (member.key, member.place))
            .collect();
        let place = |row: &SqliteRow| Ok(places.get(row.try_get::<&str, _>(0)?).copied());
        changed
            .iter()
            .filter_map(|row| place(row).transpose())
            .collect()
    }

    /// The places of its calls in the batch.
    pub(crate) fn places(&self) -> impl Iterator<Item = usize> {
        self.members.iter().map(|member| member.place)
    }

    /// The statement with its rows bound.
    fn query(&self, statements: &Statements) -> Query<'_, Sqlite, SqliteArguments> {
        let (text, nulls) = self.kind.statement(statements).of(self.members.len());
        let mut query = sqlx::query(text);
        for Member { key, change, .. } in &self.members {
            query = query.bind(*key);
            query = match change {
                Change::Set(content)
                | Change::SetIfAbsent(content)
                | Change::SetIfPresent(content) => {
                    query.bind(&content.value[..]).bind(content.life)
                }
                Change::SetIfUnchanged(content, old) => query
                    .bind(&content.value[..])
                    .bind(content.life)
                    .bind(&old[..]),
                Change::Touch(life) => query.bind(*life),
                Change::Destroy => query,
            };
        }
        for _ in 0..nulls {
            query = query.bind(None::<&str>);
        }
        query
    }
}

impl Kind {
    fn of(change: &Change) -> Self {
        match change {
            Change::Set(_) => Self::Set,
            Change::SetIfAbsent(_) => Self::SetIfAbsent,
            Change::SetIfPresent(_) => Self::SetIfPresent,
            Change::SetIfUnchanged(..) => Self::SetIfUnchanged,
            Change::Touch(_) => Self::Touch,
            Change::Destroy => Self::Destroy,
        }
    }

    fn statement(self, statements: &Statements) -> &ForRows {
        match self {
            Self::Set => &statements.set,
            Self::SetIfAbsent => &statements.absent,
            Self::SetIfPresent => &statements.present,
            Self::SetIfUnchanged => &statements.unchanged,
            Self::Touch => &statements.touch,
            Self::Destroy => &statements.destroy,
        }
    }
}

/// For each call, the next one on its record, if both are plain writes: then that one is enough.
fn overwritten(calls: &[Write]) -> Vec<Option<usize>> {
    let mut overwritten = vec![None; calls.len()];
    let mut next: HashMap<&str, (usize, bool)> = HashMap::with_capacity(calls.len());
    for (place, call) in calls.iter().enumerate().rev() {
        if let Write::Record(key, change) = call {
            let plain = matches!(change, Change::Set(_) | Change::Destroy);
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
    use session_store_api::SessionKey;

    use super::*;
    use crate::write::Content;

    fn call(key: &str, change: Change) -> Write {
        Write::Record(SessionKey::new(key).unwrap(), change)
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
            call("a", Change::Touch(1)),
            call("a", Change::SetIfPresent(content())),
            call("b", Change::SetIfPresent(content())),
            call("b", Change::Touch(1)),
        ];
        let plan = Plan::new(&calls);
        let places: Vec<Vec<usize>> = plan
            .groups()
            .map(|group| group.places().collect())
            .collect();
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
        let run: Vec<usize> = plan.groups().flat_map(Group::places).collect();
        assert_eq!(run, [1, 3]);
        let mut answers = ["", "b", "", "failed"];
        plan.answer_overwritten(&mut answers);
        assert_eq!(answers, ["failed", "b", "failed", "failed"]);
    }
}
