//! What callers saw, and whether it can be so.

use std::cmp::Reverse;
use std::collections::HashSet;

use crate::registers::{Answer, Op};

/// One operation as its caller saw it.
pub(crate) struct Entry {
    pub(crate) op: Op,
    pub(crate) begun: u64,
    /// When it was answered, and what; `None` if the caller gave up.
    pub(crate) answered: Option<(u64, Answer)>,
}

/// Whether there is an order of the operations in which each takes effect between its begin and its
/// answer, and answers what it did (the search of Wing and Gong, remembering where it has been).
pub(crate) fn is_linearizable(mut history: Vec<Entry>) -> bool {
    let end = |entry: &Entry| entry.answered.map_or(u64::MAX, |(at, _)| at);
    history.sort_by_key(|entry| Reverse(end(entry))); // so that the first to end is tried first
    let mut visited = HashSet::new();
    let mut states = vec![(vec![false; history.len()], 0)];
    while let Some((done, value)) = states.pop() {
        let open = || history.iter().enumerate().filter(|(i, _)| !done[*i]);
        let first_end = open().map(|(_, entry)| end(entry)).min();
        let Some(first_end) = first_end.filter(|&end| end != u64::MAX) else {
            return true; // at most what was given up is left
        };
        // What can come next, and the value it leaves.
        let next: Vec<_> = open()
            .filter(|(_, entry)| entry.begun < first_end)
            .filter_map(|(i, entry)| {
                let (answer, new) = entry.op.apply(value);
                match entry.answered {
                    Some((_, answered)) => (answered == answer).then_some((i, new)),
                    None => (new != value).then_some((i, new)),
                }
            })
            .collect();
        // What changes nothing may as well come first.
        let idle = next.iter().position(|(_, new)| *new == value);
        let next = idle.map_or(&next[..], |at| &next[at..=at]);
        for &(i, new) in next {
            let mut done = done.clone();
            done[i] = true;
            if visited.insert((done.clone(), new)) {
                states.push((done, new));
            }
        }
    }
    false
}

#[test]
fn the_search_tells_good_histories_from_bad_ones() {
    let put = |n, begun, end| entry(Op::Put(n), begun, Some((end, Answer::Done)));
    let lost = |n, begun| entry(Op::Put(n), begun, None);
    let get = |n, begun, end| entry(Op::Get, begun, Some((end, Answer::Value(n))));
    let swap = |old, new, begun, end, did| {
        let answered = Some((end, Answer::Swapped(did)));
        entry(Op::Swap { old, new }, begun, answered)
    };
    let good = [
        [put(1, 1, 4), get(0, 2, 3), get(1, 5, 6)],
        [put(1, 1, 4), get(1, 2, 3), get(1, 5, 6)],
        [lost(1, 1), get(0, 2, 3), get(1, 4, 5)],
        [lost(1, 1), swap(0, 2, 2, 3, false), get(1, 4, 5)],
        [lost(1, 1), swap(0, 2, 2, 3, true), get(1, 4, 5)],
        [
            swap(0, 1, 1, 3, true),
            swap(0, 2, 2, 4, false),
            get(1, 5, 6),
        ],
    ];
    let bad = [
        [put(1, 1, 2), get(0, 3, 4), get(1, 5, 6)], // stale
        [put(1, 1, 6), get(1, 2, 3), get(0, 4, 5)], // back in time
        [lost(1, 1), get(1, 2, 3), get(0, 4, 5)],
        [lost(1, 4), get(1, 2, 3), get(1, 5, 6)], // out of thin air
        [swap(0, 1, 1, 3, true), swap(0, 2, 2, 4, true), get(2, 5, 6)], // lost update
        [
            swap(0, 1, 1, 2, false),
            swap(1, 2, 3, 4, false),
            get(0, 5, 6),
        ],
    ];
    for (number, history) in good.into_iter().enumerate() {
        assert!(is_linearizable(history.into()), "good history {number}");
    }
    for (number, history) in bad.into_iter().enumerate() {
        assert!(!is_linearizable(history.into()), "bad history {number}");
    }
}

fn entry(op: Op, begun: u64, answered: Option<(u64, Answer)>) -> Entry {
    Entry {
        op,
        begun,
        answered,
    }
}
