//! C13: calls that are dropped before they are answered.

use std::future::Future;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::try_join_all;
use session_store_api::{AtomicSessionStore, Condition, SessionStore};
use tokio::time::sleep;

use crate::backend::for_each_fault;
use crate::case::{Case, Finding, Needs};
use crate::context::Context;
use crate::random::Random;
use crate::slot::{LASTING, Slot, When, shown};
use crate::tasks::{at_once, by_turns, drop_after, drop_after_polls};

pub(crate) const CASES: &[Case] = &[
    Case::new("c13_no_answer_is_somebody_elses", |cx| {
        Box::pin(no_answer_is_somebody_elses(cx))
    }),
    Case::new("c13_one_connection_survives", |cx| {
        Box::pin(one_connection_survives(cx))
    }),
    Case::new("c13_a_dropped_write_leaves_old_or_new", |cx| {
        Box::pin(a_dropped_write_leaves_old_or_new(cx))
    }),
    Case::new("c13_a_dropped_condition_leaves_old_or_new", |cx| {
        Box::pin(a_dropped_condition_leaves_old_or_new(cx))
    })
    .needs(&[Needs::Atomic]),
    Case::new("c13_a_storm_in_a_fault_passes", |cx| {
        Box::pin(a_storm_in_a_fault_passes(cx))
    })
    .needs(&[Needs::Control]),
    Case::new("c13_dropped_reads_change_nothing", |cx| {
        Box::pin(dropped_reads_change_nothing(cx))
    }),
];

/// Drops `call` at a random point: after some polls, none among them, or after some time.
async fn cut<F: Future>(random: &mut Random, call: F) -> Option<F::Output> {
    if random.below(2) == 0 {
        return drop_after_polls(random.below(7), call).await;
    }
    // Each time range as often as the next: a call in memory is quick, one on a far server is not.
    let micros = 1_u64 << random.below(12);
    drop_after(Duration::from_micros(micros), call).await
}

/// A value that says whose it is, from end to end.
fn value_of(owner: usize, random: &mut Random) -> Vec<u8> {
    let len = random.pick(&[0, 1, 100, 3_000, 20_000]);
    let mut value = format!("{owner}:{len}:").into_bytes();
    value.resize(value.len() + len, letter_of(owner));
    value
}

fn letter_of(owner: usize) -> u8 {
    b"abcdefghijklmnopqrstuvwxyz"[owner % 26]
}

/// Expects a whole value of this owner.
fn belongs_to(owner: usize, value: &[u8]) -> Finding {
    let mut parts = value.splitn(3, |byte| *byte == b':');
    let number =
        |part: Option<&[u8]>| -> Option<usize> { std::str::from_utf8(part?).ok()?.parse().ok() };
    let (whose, len) = (number(parts.next()), number(parts.next()));
    let filling = parts.next().unwrap_or_default();
    let letter = letter_of(owner);
    if whose != Some(owner) {
        return Err(format!(
            "expected a value of record {owner}, saw {}",
            shown(value)
        ));
    }
    if len != Some(filling.len()) || filling.iter().any(|byte| *byte != letter) {
        return Err(format!("expected a whole value, saw {} bytes", value.len()));
    }
    Ok(())
}

/// So many calls on these records, most of them dropped somewhere; whatever is answered must be
/// right, then and afterwards.
///
/// A record with an even number is never destroyed.
async fn storm(slots: &[Slot], random: &mut Random, calls: usize) -> Finding {
    const TASKS: usize = 40;
    for (owner, slot) in slots.iter().enumerate() {
        slot.set(&value_of(owner, random), LASTING).await?;
    }
    let tasks = (0..TASKS).map(|_| {
        let (slots, mut random) = (slots.to_vec(), random.fork());
        async move {
            for _ in 0..calls / TASKS {
                let owner = random.below(slots.len());
                call_and_drop(owner, &slots[owner], &mut random).await?;
                if random.below(4) == 0 {
                    let owner = random.below(slots.len());
                    is_right(owner, slots[owner].get().await?).when("between dropped calls")?;
                }
            }
            Ok(())
        }
    });
    at_once(tasks.collect()).await?;
    have_come_to_rest(slots).await
}

/// Expects every record to be its owner's, and to be written again.
async fn have_come_to_rest(slots: &[Slot]) -> Finding {
    let reads = (0..20 * slots.len()).map(async |number| {
        let owner = number % slots.len();
        is_right(owner, slots[owner].get().await?).when("after dropped calls")
    });
    try_join_all(reads).await?;
    let settled = slots.iter().enumerate().map(async |(owner, slot)| {
        let value = format!("{owner}:0:");
        settles(slot, value.as_bytes())
            .await
            .when("after dropped calls")
    });
    try_join_all(settled).await?;
    Ok(())
}

async fn call_and_drop(owner: usize, slot: &Slot, random: &mut Random) -> Finding {
    let value = value_of(owner, random);
    let atomic = if slot.atomic().is_ok() { 6 } else { 4 };
    let kind = random.below(atomic);
    match kind {
        0 | 1 => match cut(random, slot.get()).await {
            Some(answer) => is_right(owner, answer?),
            None => Ok(()),
        },
        2 if owner % 2 == 1 => cut(random, slot.destroy()).await.unwrap_or(Ok(())),
        2 | 3 => cut(random, slot.set(&value, LASTING))
            .await
            .map_or(Ok(()), |set| set.map(|_| ())),
        4 => {
            let set_if = slot.set_if(Condition::Present, &value, LASTING);
            cut(random, set_if)
                .await
                .map_or(Ok(()), |set| is_live(owner, set?))
        }
        _ => {
            let touch = slot.touch(LASTING);
            cut(random, touch)
                .await
                .map_or(Ok(()), |touched| is_live(owner, touched?))
        }
    }
}

/// Expects an answer to a read of this owner's record.
fn is_right(owner: usize, answer: Option<Vec<u8>>) -> Finding {
    match answer {
        Some(value) => belongs_to(owner, &value),
        None => is_live(owner, false),
    }
}

/// Expects a record that was never destroyed to be there.
fn is_live(owner: usize, live: bool) -> Finding {
    if !live && owner.is_multiple_of(2) {
        return Err(format!("expected record {owner} to be there, saw none"));
    }
    Ok(())
}

/// Expects a write to remain. A write that was dropped may still be on its way, and land once.
async fn settles(slot: &Slot, value: &[u8]) -> Finding {
    let mut found = Ok(());
    for pause in [0, 1, 10, 50, 200, 500] {
        slot.set(value, LASTING).await?;
        sleep(Duration::from_millis(pause)).await;
        found = slot.holds(value).await;
        if found.is_ok() {
            break;
        }
    }
    found
}

async fn no_answer_is_somebody_elses(cx: &Context) -> Finding {
    let mut random = Random::new(cx.seed());
    let slots: Vec<_> = (0..16).map(|number| cx.slot(number)).collect();
    storm(&slots, &mut random, 10_000).await
}

async fn one_connection_survives(cx: &Context) -> Finding {
    let mut random = Random::new(cx.seed());
    let setup = cx.setup().beyond("_cut").with_connections(1);
    let store = cx.open(setup).await?;
    let slots: Vec<_> = (0..6).map(|number| cx.slot(number).on(&store)).collect();
    storm(&slots, &mut random, 400).await
}

/// Calls that are dropped while the backend is broken leave no trace in the store when it is back: no
/// connection is missing, no answer goes astray.
async fn a_storm_in_a_fault_passes(cx: &Context) -> Finding {
    const TASKS: usize = 20;
    const CALLS: usize = 2_000;
    let random = Mutex::new(Random::new(cx.seed()));
    for_each_fault(cx, async |broken| {
        let mut random = random.lock().unwrap_or_else(PoisonError::into_inner).fork();
        let slots = broken.slots("record", 16)?;
        for (owner, slot) in slots.iter().enumerate() {
            slot.set(&value_of(owner, &mut random), LASTING).await?;
        }
        broken.cause().await?;
        let tasks = (0..TASKS).map(|_| {
            let (slots, mut random) = (slots.clone(), random.fork());
            async move {
                for _ in 0..CALLS / TASKS {
                    let owner = random.below(slots.len());
                    ask_and_drop(owner, &slots[owner], &mut random).await?;
                }
                Ok(())
            }
        });
        at_once(tasks.collect()).await?;
        broken.heal().await?;
        if !broken.keeps() {
            for (owner, slot) in slots.iter().enumerate() {
                slot.set(&value_of(owner, &mut random), LASTING).await?;
            }
        }
        have_come_to_rest(&slots).await
    })
    .await
}

/// A call that may fail, and changes no record into one that [`have_come_to_rest`] does not expect.
async fn ask_and_drop(owner: usize, slot: &Slot, random: &mut Random) -> Finding {
    let (store, key, value) = (slot.store(), slot.key(), value_of(owner, random));
    // Not after some polls: a call on a server that hangs is not polled again for long.
    let time = Duration::from_micros(1 << random.below(11));
    match random.below(3) {
        0 => drop(drop_after(time, store.set(key, &value, LASTING.into())).await),
        1 => {
            if let Ok(store) = slot.atomic() {
                drop(drop_after(time, store.touch(key, LASTING.into())).await);
            }
        }
        _ => {
            if let Some(Ok(Some(seen))) = drop_after(time, store.get(key)).await {
                return belongs_to(owner, &seen).when("during the fault");
            }
        }
    }
    Ok(())
}

/// One record that is written, then written again and dropped.
async fn old_or_new<W, F>(slot: &Slot, random: &mut Random, write: W) -> Finding
where
    W: FnOnce(Slot) -> F,
    F: Future<Output = Finding>,
{
    slot.set(b"old", LASTING).await?;
    slot.holds(b"old").await?;
    let answer = cut(random, write(slot.clone())).await;
    let answered = answer.is_some();
    answer.unwrap_or(Ok(()))?;
    for pause in [0, 30] {
        sleep(Duration::from_millis(pause)).await;
        match slot.get().await?.as_deref() {
            Some(b"new") => {}
            Some(b"old") if !answered => {}
            Some(seen) => {
                return Err(format!(
                    "expected the old value or the new, saw {}",
                    shown(seen)
                ));
            }
            None => return Err("expected the old value or the new, saw None".to_owned()),
        }
    }
    settles(slot, b"next").await.when("set again")
}

async fn a_dropped_write_leaves_old_or_new(cx: &Context) -> Finding {
    let mut random = Random::new(cx.seed());
    let tasks = (0..120).map(|number| {
        let (set, destroy) = (cx.slot(number), cx.slot(format_args!("{number}-destroy")));
        let mut random = random.fork();
        async move {
            let write = async |slot: Slot| slot.set(b"new", LASTING).await.map(|_| ());
            old_or_new(&set, &mut random, write).await?;

            destroy.set(b"old", LASTING).await?;
            destroy.holds(b"old").await?;
            let answered = cut(&mut random, destroy.destroy()).await.transpose()?;
            match (destroy.get().await?.as_deref(), answered) {
                (None, _) | (Some(b"old"), None) => Ok(()),
                (Some(seen), Some(())) => Err(format!("expected None, saw {}", shown(seen))),
                (Some(seen), None) => Err(format!(
                    "expected the old value or None, saw {}",
                    shown(seen)
                )),
            }
        }
    });
    by_turns(24, tasks.collect()).await?;
    Ok(())
}

async fn a_dropped_condition_leaves_old_or_new(cx: &Context) -> Finding {
    use Condition::{Absent, Present, Unchanged};
    let mut random = Random::new(cx.seed());
    let tasks = (0..120).map(|number| {
        let [change, touch, create] =
            ["change", "touch", "create"].map(|verb| cx.slot(format_args!("{number}-{verb}")));
        let mut random = random.fork();
        async move {
            let condition = random.pick(&[Present, Unchanged(b"old")]);
            let write = async |slot: Slot| {
                let written = slot.writes_if(condition, b"new", LASTING).await;
                written.map(|_| ())
            };
            old_or_new(&change, &mut random, write).await?;

            touch.set(b"old", LASTING).await?;
            cut(&mut random, touch.is_touched(LASTING))
                .await
                .transpose()?;
            touch.holds(b"old").await.when("after a dropped touch")?;

            create.is_gone().await?;
            let absent = create.writes_if(Absent, b"new", LASTING);
            let answered = cut(&mut random, absent).await.transpose()?;
            match (create.get().await?.as_deref(), answered) {
                (Some(b"new"), _) | (None, None) => Ok(()),
                (None, Some(_)) => Err("expected what Absent wrote, saw None".to_owned()),
                (Some(seen), _) => Err(format!("expected the new value, saw {}", shown(seen))),
            }
        }
    });
    by_turns(24, tasks.collect()).await?;
    Ok(())
}

async fn dropped_reads_change_nothing(cx: &Context) -> Finding {
    let mut random = Random::new(cx.seed());
    let slot = cx.slot("record");
    let life = slot.set(b"value", Duration::from_millis(300)).await?;
    for _ in 0..40 {
        let answer = cut(&mut random, slot.get()).await.transpose()?;
        if let Some(Some(seen)) = answer
            && seen != b"value"
        {
            return Err(format!("expected \"value\", saw {}", shown(&seen)));
        }
    }
    life.check(&slot, b"value").await?;
    life.over(slot.resolution()).await;
    life.is_over(&slot).await?;
    slot.set(b"next", LASTING).await?;
    slot.holds(b"next").await
}
