//! A05: counting together, by reading and writing what is unchanged.

use session_store_api::Condition;
use tokio::task::yield_now;

use crate::case::{Case, Finding, Needs};
use crate::context::Context;
use crate::random::Random;
use crate::slot::{LASTING, Slot, When, shown};
use crate::tasks::at_once;

pub(crate) const CASES: &[Case] = &[
    Case::new("a05_no_increment_is_lost", |cx| {
        Box::pin(no_increment_is_lost(cx))
    })
    .needs(&[Needs::Atomic]),
    Case::new("a05_no_increment_is_lost_among_handles", |cx| {
        Box::pin(no_increment_is_lost_among_handles(cx))
    })
    .needs(&[Needs::Atomic, Needs::Shared]),
    Case::new("a05_no_entry_of_a_list_is_lost", |cx| {
        Box::pin(no_entry_of_a_list_is_lost(cx))
    })
    .needs(&[Needs::Atomic]),
];

/// Reads, changes and writes until nobody else wrote in between.
async fn update(slot: &Slot, random: &mut Random, change: impl Fn(&[u8]) -> Vec<u8>) -> Finding {
    loop {
        let old = slot.get().await?.ok_or("expected the counter, saw None")?;
        for _ in 0..random.below(3) {
            yield_now().await;
        }
        let new = change(&old);
        if slot
            .set_if(Condition::Unchanged(&old), &new, LASTING)
            .await?
        {
            return Ok(());
        }
    }
}

/// Counts to `tasks` × `times` through all these handles on one record.
async fn count(slots: Vec<Slot>, seed: u64, tasks: usize, times: usize) -> Finding {
    let mut random = Random::new(seed);
    slots[0].set(b"0", LASTING).await?;
    let increments = (0..tasks).map(|task| {
        let (slot, mut random) = (slots[task % slots.len()].clone(), random.fork());
        async move {
            for _ in 0..times {
                update(&slot, &mut random, |old| {
                    (number(old) + 1).to_string().into_bytes()
                })
                .await?;
            }
            Ok(())
        }
    });
    at_once(increments.collect()).await?;
    let total = (tasks * times).to_string();
    for slot in &slots {
        slot.holds(total.as_bytes()).await.when("the counter")?;
    }
    Ok(())
}

/// The counter's number; a value that is none ends the counting at a wrong one.
fn number(value: &[u8]) -> usize {
    let text = std::str::from_utf8(value).unwrap_or_default();
    text.parse().unwrap_or_default()
}

async fn no_increment_is_lost(cx: &Context) -> Finding {
    count(vec![cx.slot("counter")], cx.seed(), 8, 50).await
}

async fn no_increment_is_lost_among_handles(cx: &Context) -> Finding {
    let slot = cx.slot("counter");
    let other = slot.on(&cx.open(cx.setup()).await?);
    count(vec![slot, other], cx.seed(), 6, 25).await
}

async fn no_entry_of_a_list_is_lost(cx: &Context) -> Finding {
    // The values grow, so that one is the beginning of the next.
    let (slot, mut random) = (cx.slot("list"), Random::new(cx.seed()));
    slot.set(b"", LASTING).await?;
    let tasks = (b'a'..=b'h').map(|letter| {
        let (slot, mut random) = (slot.clone(), random.fork());
        async move {
            for _ in 0..15 {
                update(&slot, &mut random, |old| [old, &[letter]].concat()).await?;
            }
            Ok(())
        }
    });
    at_once(tasks.collect()).await?;
    let list = slot.get().await?.ok_or("expected the list, saw None")?;
    for letter in b'a'..=b'h' {
        let entries = list.iter().filter(|entry| **entry == letter).count();
        if entries != 15 {
            return Err(format!(
                "expected 15 entries of a task, saw {entries} in {}",
                shown(&list)
            ));
        }
    }
    Ok(())
}
