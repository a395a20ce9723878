//! C12: many writers at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::future::{try_join, try_join_all};
use tokio::task::yield_now;

use crate::case::{Case, Finding, Needs};
use crate::context::Context;
use crate::random::Random;
use crate::slot::{LASTING, Slot, When, shown};
use crate::tasks::{at_once, by_turns};

pub(crate) const CASES: &[Case] = &[
    Case::new("c12_one_value_remains_whole", |cx| {
        Box::pin(one_value_remains_whole(cx))
    }),
    Case::new("c12_whole_through_two_handles", |cx| {
        Box::pin(whole_through_two_handles(cx))
    })
    .needs(&[Needs::Shared]),
    Case::new("c12_each_with_its_own_expiry", |cx| {
        Box::pin(each_with_its_own_expiry(cx))
    }),
    Case::new("c12_set_and_destroy_leave_all_or_nothing", |cx| {
        Box::pin(set_and_destroy_leave_all_or_nothing(cx))
    }),
    Case::new("c12_reads_undo_nothing", |cx| {
        Box::pin(reads_undo_nothing(cx))
    }),
    Case::new("c12_different_keys_do_not_wait_for_each_other", |cx| {
        Box::pin(different_keys_do_not_wait_for_each_other(cx))
    }),
];

/// How long the value is that consists of this byte only.
fn len_of(byte: u8, largest: usize) -> usize {
    let lens = [1, 60, 700, 4_096, 9_000, 16_385, 33_000, 66_000];
    lens[usize::from(byte) % lens.len()].min(largest)
}

/// Expects a value that one of the writers wrote, from its first byte to its last.
fn is_whole(value: &[u8], largest: usize) -> Finding {
    let Some(&byte) = value.first() else {
        return Err("expected a value, saw 0 bytes".to_owned());
    };
    if let Some(other) = value.iter().find(|other| **other != byte) {
        return Err(format!(
            "expected one value, saw {} bytes with both {byte} and {other} in them",
            value.len()
        ));
    }
    if value.len() != len_of(byte, largest) {
        return Err(format!(
            "expected {} bytes of {byte}, saw {}",
            len_of(byte, largest),
            value.len()
        ));
    }
    Ok(())
}

/// Writes and reads one record through all of these handles on it.
async fn write_and_read(cx: &Context, slots: Vec<Slot>) -> Finding {
    const WRITERS: u8 = 8;
    let largest = cx.facts().max_value.unwrap_or(usize::MAX);
    let mut random = Random::new(cx.seed());
    slots[0].set(&vec![0; len_of(0, largest)], LASTING).await?;

    let done = Arc::new(AtomicBool::new(false));
    let writers = (0..WRITERS).map(|writer| {
        let (slot, mut random) = (
            slots[usize::from(writer) % slots.len()].clone(),
            random.fork(),
        );
        async move {
            for _ in 0..20 {
                let byte = random.pick(&[writer, writer + WRITERS, writer + 4 * WRITERS + 1]);
                slot.set(&vec![byte; len_of(byte, largest)], LASTING)
                    .await?;
            }
            Ok(())
        }
    });
    let writers = at_once(writers.collect());
    let readers = (0..4).map(|reader| {
        let (slot, done) = (slots[reader % slots.len()].clone(), done.clone());
        async move {
            let mut reads = 0;
            while reads < 10 || (reads < 200 && !done.load(Ordering::Relaxed)) {
                let value = slot.get().await?;
                let value = value.ok_or("expected one of the values, saw None")?;
                is_whole(&value, largest).when("while it was written")?;
                reads += 1;
            }
            Ok(())
        }
    });
    let readers = at_once(readers.collect());
    let writers = async {
        let written = writers.await;
        done.store(true, Ordering::Relaxed);
        written
    };
    try_join(writers, readers).await?;

    let last = slots[0].get().await?.ok_or("expected a value, saw None")?;
    is_whole(&last, largest).when("after all were written")?;
    for slot in &slots {
        slot.holds(&last).await.when("read again")?;
    }
    Ok(())
}

async fn one_value_remains_whole(cx: &Context) -> Finding {
    write_and_read(cx, vec![cx.slot("record")]).await
}

async fn whole_through_two_handles(cx: &Context) -> Finding {
    let (one, other) = (cx.slot("record"), cx.open(cx.setup()).await?);
    let two = one.on(&other);
    write_and_read(cx, vec![one, two]).await
}

async fn each_with_its_own_expiry(cx: &Context) -> Finding {
    const SHORT: Duration = Duration::from_millis(500);
    let one = async |number: usize| {
        let slot = cx.slot(number);
        let write = |value: &'static [u8], max_age| {
            let slot = slot.clone();
            tokio::spawn(async move { slot.set(value, max_age).await })
        };
        let (short, lasting) = if number.is_multiple_of(2) {
            let short = write(b"short", SHORT);
            (short, write(b"lasting", LASTING))
        } else {
            let lasting = write(b"lasting", LASTING);
            (write(b"short", SHORT), lasting)
        };
        lasting.await.map_err(|error| error.to_string())??;
        let short = short.await.map_err(|error| error.to_string())??;

        let winner = slot.get().await?;
        let sure = short.is_sure();
        short.over(slot.resolution()).await;
        match winner.as_deref() {
            Some(b"short") => short.is_over(&slot).await.when("the shorter life won"),
            Some(b"lasting") => slot.holds(b"lasting").await.when("the longer life won"),
            None if !sure => Ok(()),
            None => Err("expected one of two values, saw None".to_owned()),
            Some(other) => Err(format!("expected one of two values, saw {}", shown(other))),
        }
    };
    try_join_all((0..40).map(one)).await?;
    Ok(())
}

async fn set_and_destroy_leave_all_or_nothing(cx: &Context) -> Finding {
    let one = async |number: usize| {
        let slot = cx.slot(number);
        slot.set(b"old", LASTING).await?;
        slot.holds(b"old").await?;
        let (setter, destroyer) = (slot.clone(), slot.clone());
        let set = tokio::spawn(async move { setter.set(b"new", LASTING).await });
        destroyer.destroy().await?;
        set.await.map_err(|error| error.to_string())??;
        // Whichever came last; and it stays so.
        match slot.get().await?.as_deref() {
            Some(b"new") => slot.holds(b"new").await.when("read again"),
            None => slot.is_gone().await.when("read again"),
            Some(seen) => Err(format!(
                "expected the new value or None, saw {}",
                shown(seen)
            )),
        }
    };
    try_join_all((0..50).map(one)).await?;
    Ok(())
}

/// Somebody who reads meanwhile, and perhaps keeps what was read, brings nothing old back.
async fn reads_undo_nothing(cx: &Context) -> Finding {
    let mut random = Random::new(cx.seed());
    let rounds = (0..60).map(|round| {
        let (slot, mut random) = (cx.slot(round), random.fork());
        async move {
            slot.set(b"old", LASTING).await?;
            slot.holds(b"old").await?;
            let reads = (0..4).map(|_| {
                let (slot, pauses) = (slot.clone(), random.below(6));
                async move {
                    for _ in 0..pauses {
                        yield_now().await;
                    }
                    slot.get().await
                }
            });
            let reads = tokio::spawn(at_once(reads.collect()));
            for _ in 0..random.below(6) {
                yield_now().await;
            }
            if round % 2 == 0 {
                slot.set(b"new", LASTING).await?;
            } else {
                slot.destroy().await?;
            }
            reads.await.map_err(|error| error.to_string())??;
            if round % 2 == 0 {
                slot.holds(b"new").await.when("set while it was read")
            } else {
                slot.is_gone().await.when("destroyed while it was read")
            }
        }
    });
    by_turns(12, rounds.collect()).await?;
    Ok(())
}

async fn different_keys_do_not_wait_for_each_other(cx: &Context) -> Finding {
    // Everybody writes the same keys, in other orders: nobody may be refused or wait for ever.
    let mut random = Random::new(cx.seed());
    let tasks = (0..12).map(|task| {
        let mut random = random.fork();
        let shared: Vec<Slot> = (0..8).map(|number| cx.slot(number)).collect();
        let own = cx.slot(format_args!("own-{task}"));
        async move {
            let value = format!("of task {task}");
            for _ in 0..10 {
                for _ in 0..shared.len() {
                    let slot = &shared[random.below(shared.len())];
                    slot.set(value.as_bytes(), LASTING).await?;
                }
                own.set(value.as_bytes(), LASTING).await?;
                own.holds(value.as_bytes()).await?;
            }
            Ok((own, value))
        }
    });
    let owned = at_once(tasks.collect()).await?;
    for (slot, value) in owned {
        slot.holds(value.as_bytes())
            .await
            .when("after all were written")?;
    }
    Ok(())
}
