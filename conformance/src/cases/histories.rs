//! A09: whatever concurrent callers saw, it could have happened one call after the other.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use session_store_api::Condition;
use tokio::task::yield_now;

use crate::case::{Case, Finding, Needs};
use crate::context::Context;
use crate::linearizability::{Answer, Call, Event, History};
use crate::random::Random;
use crate::slot::{LASTING, Slot, shown};
use crate::tasks::{at_once, by_turns};

pub(crate) const CASES: &[Case] = &[
    Case::new("a09_histories_are_linearizable", |cx| {
        Box::pin(histories_are_linearizable(cx))
    })
    .needs(&[Needs::Atomic]),
    Case::new("a09_histories_of_two_handles_are_linearizable", |cx| {
        Box::pin(histories_of_two_handles_are_linearizable(cx))
    })
    .needs(&[Needs::Atomic, Needs::Shared]),
];

const CLIENTS: u8 = 4;
const CALLS: u8 = 3;

async fn histories_are_linearizable(cx: &Context) -> Finding {
    check(cx, 300, |number| [cx.slot(number), cx.slot(number)]).await
}

async fn histories_of_two_handles_are_linearizable(cx: &Context) -> Finding {
    let other = cx.open(cx.setup()).await?;
    check(cx, 150, |number| {
        [cx.slot(number), cx.slot(number).on(&other)]
    })
    .await
}

/// Records this many histories, each on a record of its own, and checks them.
async fn check(cx: &Context, histories: usize, slots: impl Fn(usize) -> [Slot; 2]) -> Finding {
    let seed = cx.seed();
    let mut random = Random::new(seed);
    let checks = (0..histories).map(|number| {
        let (slots, random) = (slots(number), random.fork());
        async move {
            let history = record(&slots, random).await?;
            if history.is_linearizable() {
                return slots[0].destroy().await;
            }
            Err(format!(
                "expected an order of these calls in which each answer is right, found none \
                 (history {number} of seed {seed}):{history}"
            ))
        }
    });
    by_turns(20, checks.collect()).await?;
    Ok(())
}

/// A few clients call at random what they like; at the end everybody is asked what remains.
async fn record(slots: &[Slot; 2], mut random: Random) -> Result<History, String> {
    let clock = Arc::new(AtomicU64::new(0));
    let clients = (0..CLIENTS).map(|client| {
        let (clock, mut random) = (clock.clone(), random.fork());
        let slot = slots[usize::from(client) % slots.len()].clone();
        async move {
            let (mut events, mut last_seen) = (Vec::new(), None);
            for number in 0..CALLS {
                for _ in 0..random.below(4) {
                    yield_now().await;
                }
                let value = 1 + client * CALLS + number;
                let call = choose(&mut random, value, last_seen);
                let event = perform(&slot, call, &clock).await?;
                if let Answer::Value(seen) = event.answer {
                    last_seen = seen;
                }
                events.push(event);
            }
            Ok(events)
        }
    });
    let mut events = at_once(clients.collect()).await?.concat();
    for slot in slots {
        events.push(perform(slot, Call::Get, &clock).await?);
    }
    Ok(History::new(events))
}

/// A call at random that writes `value`, if it writes.
fn choose(random: &mut Random, value: u8, last_seen: Option<u8>) -> Call {
    let known = last_seen.unwrap_or_else(|| random.pick(&[1, 4, 7, 10]));
    let swap = Call::Unchanged {
        expected: known,
        new: value,
    };
    random.pick(&[
        Call::Get,
        Call::Get,
        Call::Get,
        Call::Set(value),
        Call::Set(value),
        Call::Destroy,
        Call::Absent(value),
        Call::Absent(value),
        Call::Present(value),
        swap,
        swap,
        Call::Touch,
    ])
}

async fn perform(slot: &Slot, call: Call, clock: &AtomicU64) -> Result<Event, String> {
    let tick = || clock.fetch_add(1, Ordering::SeqCst);
    let began = tick();
    let set_if = async |condition, new: u8| {
        let wrote = slot.set_if(condition, &[new], LASTING).await?;
        Ok::<_, String>(Answer::Wrote(wrote))
    };
    let answer = match call {
        Call::Get => Answer::Value(number(slot.get().await?)?),
        Call::Set(new) => slot.set(&[new], LASTING).await.map(|_| Answer::Done)?,
        Call::Destroy => slot.destroy().await.map(|()| Answer::Done)?,
        Call::Absent(new) => set_if(Condition::Absent, new).await?,
        Call::Present(new) => set_if(Condition::Present, new).await?,
        Call::Unchanged { expected, new } => set_if(Condition::Unchanged(&[expected]), new).await?,
        Call::Touch => Answer::Wrote(slot.touch(LASTING).await?),
    };
    Ok(Event {
        began,
        ended: tick(),
        call,
        answer,
    })
}

/// The number that a value stands for.
fn number(value: Option<Vec<u8>>) -> Result<Option<u8>, String> {
    match value.as_deref() {
        None => Ok(None),
        Some([number]) => Ok(Some(*number)),
        Some(other) => Err(format!("expected one byte, saw {}", shown(other))),
    }
}
