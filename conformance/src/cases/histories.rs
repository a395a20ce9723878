//! A09: whatever concurrent callers saw, it could have happened one call after the other.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use session_store_api::{AtomicSessionStore, Condition, Result as Said, SessionKey};
use tokio::sync::watch;
use tokio::task::yield_now;
use tokio::time::sleep;

use crate::backend::{Broken, for_each_fault};
use crate::case::{Case, Finding, Needs};
use crate::context::Context;
use crate::linearizability::{Answer, Call, Event, History};
use crate::random::Random;
use crate::slot::{LASTING, Slot, shown, unexpected};
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
    Case::new("a09_histories_through_faults_are_linearizable", |cx| {
        Box::pin(histories_through_faults_are_linearizable(cx))
    })
    .needs(&[Needs::Atomic, Needs::Control]),
];

/// So many callers of one record call so often.
const CLIENTS: u8 = 4;
const CALLS: u8 = 3;

async fn histories_are_linearizable(cx: &Context) -> Finding {
    check(cx, 2_000, |number| [cx.slot(number), cx.slot(number)]).await
}

async fn histories_of_two_handles_are_linearizable(cx: &Context) -> Finding {
    let other = cx.open(cx.setup()).await?;
    check(cx, 1_000, |number| {
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
            is_linearizable(&history, number, seed)?;
            slots[0].destroy().await
        }
    });
    by_turns(40, checks.collect()).await?;
    cx.remarks().note(format!("{histories} histories"));
    Ok(())
}

fn is_linearizable(history: &History, number: usize, seed: u64) -> Finding {
    if history.is_linearizable() {
        return Ok(());
    }
    Err(format!(
        "expected an order of these calls in which each answer is right, found none \
         (history {number} of seed {seed}):{history}"
    ))
}

/// A few clients call at random what they like; at the end everybody is asked what remains.
pub(crate) async fn record(slots: &[Slot; 2], mut random: Random) -> Result<History, String> {
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
                if let Some(Answer::Value(seen)) = event.answer {
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

/// Some clients call while the backend breaks and is mended; a call that fails may have been carried out.
async fn histories_through_faults_are_linearizable(cx: &Context) -> Finding {
    const HISTORIES: usize = 60;
    let (seed, total) = (cx.seed(), AtomicUsize::new(0));
    let random = Mutex::new(Random::new(seed));
    for_each_fault(cx, async |broken| {
        if !broken.keeps() {
            return Ok(()); // what it loses is no history
        }
        let mut random = random.lock().unwrap_or_else(PoisonError::into_inner).fork();
        let (turn, outage) = watch::channel(Stage::Before);
        let slots = broken.slots("record", HISTORIES)?;
        let recordings = slots.iter().map(|slot| {
            let (broken, slot, random) = (broken.clone(), slot.clone(), random.fork());
            record_through(broken, slot, random, outage.clone())
        });
        let recordings = tokio::spawn(at_once(recordings.collect()));
        let length = Duration::from_millis(20);
        sleep(length).await;
        turn.send_replace(Stage::Breaking);
        broken.cause().await?;
        turn.send_replace(Stage::Broken);
        sleep(length).await;
        turn.send_replace(Stage::Healing);
        broken.heal().await?;
        turn.send_replace(Stage::Healed);
        let histories = recordings.await.map_err(|error| error.to_string())??;
        for (number, history) in histories.iter().enumerate() {
            is_linearizable(history, number, seed)?;
        }
        total.fetch_add(histories.len(), Ordering::Relaxed);
        Ok(())
    })
    .await?;
    let total = total.into_inner();
    cx.remarks().note(format!("{total} histories"));
    Ok(())
}

/// How far a fault has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Before,
    Breaking,
    Broken,
    Healing,
    Healed,
}

impl Stage {
    /// A client calls once in each, or later if it was kept waiting.
    const CALLS: [Self; 4] = [Self::Before, Self::Breaking, Self::Broken, Self::Healing];
}

async fn record_through(
    broken: Broken,
    slot: Slot,
    mut random: Random,
    outage: watch::Receiver<Stage>,
) -> Result<History, String> {
    let clock = Arc::new(AtomicU64::new(0));
    let clients = (0..CLIENTS).map(|client| {
        let (broken, slot, clock) = (broken.clone(), slot.clone(), clock.clone());
        let (mut random, mut outage) = (random.fork(), outage.clone());
        async move {
            let (mut events, mut last_seen) = (Vec::new(), None);
            for (stage, number) in Stage::CALLS.into_iter().zip(1..) {
                let reached = outage.wait_for(|now| *now >= stage).await;
                reached.map_err(|_| "the fault could not be caused or healed")?;
                let micros = random.pick(&[0, 100, 500, 1_500, 3_000]);
                sleep(Duration::from_micros(micros)).await;
                let call = choose(&mut random, 4 * client + number, last_seen);
                let event = attempt(&broken, &slot, call, &clock).await?;
                if let Some(Answer::Value(seen)) = event.answer {
                    last_seen = seen;
                }
                events.push(event);
            }
            Ok(events)
        }
    });
    let mut events = at_once(clients.collect()).await?.concat();
    let mut outage = outage;
    let healed = outage.wait_for(|now| *now == Stage::Healed).await;
    drop(healed.map_err(|_| "the fault could not be healed")?);
    while events.len() < 20 {
        let read = attempt(&broken, &slot, Call::Get, &clock).await?;
        match read.answer {
            Some(_) => events.push(read),
            // Another call has just met a connection that the fault had broken.
            None => sleep(Duration::from_millis(20)).await,
        }
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

/// Makes a call, and expects an answer.
async fn perform(slot: &Slot, call: Call, clock: &AtomicU64) -> Result<Event, String> {
    let began = clock.fetch_add(1, Ordering::SeqCst);
    let reply = ask(&**slot.atomic()?, slot.key(), call).await;
    let reply = reply.map_err(|error| unexpected(format_args!("{call:?}"), &error))?;
    event(call, began, clock, Some(reply))
}

/// Makes a call that may fail.
async fn attempt(
    broken: &Broken,
    slot: &Slot,
    call: Call,
    clock: &AtomicU64,
) -> Result<Event, String> {
    let began = clock.fetch_add(1, Ordering::SeqCst);
    let reply = broken
        .answer(ask(&**slot.atomic()?, slot.key(), call))
        .await?;
    event(call, began, clock, reply)
}

/// What a store says to a call.
enum Reply {
    Value(Option<Vec<u8>>),
    Done,
    Wrote(bool),
}

async fn ask(store: &dyn AtomicSessionStore, key: &SessionKey, call: Call) -> Said<Reply> {
    let set_if = async |condition, new: u8| {
        let value = [new];
        let wrote = store.set_if(key, condition, &value, LASTING.into());
        wrote.await.map(Reply::Wrote)
    };
    match call {
        Call::Get => store.get(key).await.map(Reply::Value),
        Call::Set(new) => {
            let set = store.set(key, &[new], LASTING.into()).await;
            set.map(|()| Reply::Done)
        }
        Call::Destroy => store.destroy(key).await.map(|()| Reply::Done),
        Call::Absent(new) => set_if(Condition::Absent, new).await,
        Call::Present(new) => set_if(Condition::Present, new).await,
        Call::Unchanged { expected, new } => set_if(Condition::Unchanged(&[expected]), new).await,
        Call::Touch => store.touch(key, LASTING.into()).await.map(Reply::Wrote),
    }
}

/// A call that ends now.
fn event(call: Call, began: u64, clock: &AtomicU64, reply: Option<Reply>) -> Result<Event, String> {
    let ended = clock.fetch_add(1, Ordering::SeqCst);
    let answer = match reply {
        None => None,
        Some(Reply::Value(value)) => Some(Answer::Value(number(value)?)),
        Some(Reply::Done) => Some(Answer::Done),
        Some(Reply::Wrote(wrote)) => Some(Answer::Wrote(wrote)),
    };
    Ok(Event {
        began,
        ended,
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
