//! A01 to A04: `set_if` writes where its condition holds, and nowhere else.

use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::future::{try_join, try_join_all};
use session_store_api::Condition;
use session_store_api::Condition::{Absent, Present, Unchanged};
use tokio::task::yield_now;

use crate::case::{Case, Finding, Needs};
use crate::context::Context;
use crate::random::Random;
use crate::slot::{LASTING, Slot, When, shown};
use crate::tasks::at_once;

pub(crate) const CASES: &[Case] = &[
    Case::new("a01_absent_writes_on_a_free_key", |cx| {
        Box::pin(absent_writes_on_a_free_key(cx))
    })
    .needs(&[Needs::Atomic]),
    Case::new("a01_absent_refuses_a_live_record", |cx| {
        Box::pin(absent_refuses_a_live_record(cx))
    })
    .needs(&[Needs::Atomic]),
    Case::new("a02_present_writes_on_a_live_record", |cx| {
        Box::pin(present_writes_on_a_live_record(cx))
    })
    .needs(&[Needs::Atomic]),
    Case::new("a02_present_creates_nothing", |cx| {
        Box::pin(present_creates_nothing(cx))
    })
    .needs(&[Needs::Atomic]),
    Case::new("a03_unchanged_compares_every_byte", |cx| {
        Box::pin(unchanged_compares_every_byte(cx))
    })
    .needs(&[Needs::Atomic]),
    Case::new("a03_unchanged_compares_large_values", |cx| {
        Box::pin(unchanged_compares_large_values(cx))
    })
    .needs(&[Needs::Atomic]),
    Case::new("a03_unchanged_creates_nothing", |cx| {
        Box::pin(unchanged_creates_nothing(cx))
    })
    .needs(&[Needs::Atomic]),
    Case::new("a03_of_many_unchanged_one_wins", |cx| {
        Box::pin(of_many_unchanged_one_wins(cx))
    })
    .needs(&[Needs::Atomic]),
    Case::new("a03_renewed_is_unchanged", |cx| {
        Box::pin(renewed_is_unchanged(cx))
    })
    .needs(&[Needs::Atomic]),
    Case::new("a04_of_many_absent_one_wins", |cx| {
        Box::pin(of_many_absent_one_wins(cx))
    })
    .needs(&[Needs::Atomic]),
    Case::new("a04_of_many_absent_over_the_expired_one_wins", |cx| {
        Box::pin(of_many_absent_over_the_expired_one_wins(cx))
    })
    .needs(&[Needs::Atomic]),
    Case::new("a04_of_many_handles_one_wins", |cx| {
        Box::pin(of_many_handles_one_wins(cx))
    })
    .needs(&[Needs::Atomic, Needs::Shared]),
];

const SHORT: Duration = Duration::from_millis(300);

async fn absent_writes_on_a_free_key(cx: &Context) -> Finding {
    let [free, destroyed, unread, read] =
        ["free", "destroyed", "expired-unread", "expired-read"].map(|name| cx.slot(name));
    destroyed.set(b"old", LASTING).await?;
    destroyed.destroy().await?;
    unread.expires(b"old").await?;
    read.expires(b"old").await?;
    read.is_gone().await?;
    for slot in [&free, &destroyed, &unread, &read] {
        slot.writes_if(Absent, b"new", LASTING).await?;
        slot.holds(b"new").await?;
        slot.refuses_if(Absent, b"newer")
            .await
            .when("the second time")?;
        slot.holds(b"new").await.when("after a refusal")?;
        slot.destroy().await?;
        slot.writes_if(Absent, b"", LASTING)
            .await
            .when("after destroy")?;
        slot.holds(b"").await?;
        slot.refuses_if(Absent, b"newer")
            .await
            .when("over an empty value")?;
    }
    Ok(())
}

async fn absent_refuses_a_live_record(cx: &Context) -> Finding {
    let slot = cx.slot("record");
    let refuse = async || slot.refuses_if(Absent, b"new").await;
    refusals_change_nothing(&slot, b"old", refuse).await?;
    // The same bytes are a refusal too.
    let refuse = async || slot.refuses_if(Absent, b"old").await;
    refusals_change_nothing(&slot, b"old", refuse).await
}

/// Expects a refused write over a live record to change neither its value nor its expiry, however long
/// or short the life would have become.
async fn refusals_change_nothing<R, F>(slot: &Slot, value: &[u8], refuse: R) -> Finding
where
    R: Fn() -> F + Sync,
    F: Future<Output = Finding> + Send,
{
    // A long life asked for, and refused, over a short one.
    let write = async |mut max_age| loop {
        let life = slot.set(value, max_age).await?;
        let refused = refuse().await;
        if life.is_sure() {
            return refused.map(|()| life);
        }
        max_age *= 2; // the record may have ended before it was asked for
    };
    slot.lives(value, SHORT, write)
        .await
        .when("after a refusal")
}

async fn present_writes_on_a_live_record(cx: &Context) -> Finding {
    let slot = cx.slot("record");
    for (old, new) in [
        ("old", "new"),
        ("", "of nothing"),
        ("to nothing", ""),
        ("same", "same"),
    ] {
        slot.set(old.as_bytes(), LASTING).await?;
        slot.writes_if(Present, new.as_bytes(), LASTING).await?;
        slot.holds(new.as_bytes()).await?;
        slot.writes_if(Present, b"again", LASTING).await?;
        slot.holds(b"again").await?;
    }
    Ok(())
}

/// Expects these conditions to find nothing on a missing, a destroyed and an expired record.
async fn create_nothing(cx: &Context, conditions: &[Condition<'_>]) -> Finding {
    let [missing, destroyed, unread, read] =
        ["missing", "destroyed", "expired-unread", "expired-read"].map(|name| cx.slot(name));
    for condition in conditions {
        destroyed.set(b"old", LASTING).await?;
        destroyed.holds(b"old").await?;
        destroyed.destroy().await?;
        unread.expires(b"old").await?;
        read.expires(b"old").await?;
        read.is_gone().await?;
        for slot in [&missing, &destroyed, &unread, &read] {
            slot.refuses_if(*condition, b"new").await?;
            slot.is_gone().await.when("after a refusal")?;
            slot.refuses_if(*condition, b"old").await?;
            slot.is_gone().await.when("after a second refusal")?;
        }
    }
    // None of these keys is spoiled by it.
    for slot in [missing, destroyed, unread, read] {
        slot.writes_if(Absent, b"old", LASTING).await?;
        slot.holds(b"old").await?;
    }
    Ok(())
}

async fn present_creates_nothing(cx: &Context) -> Finding {
    create_nothing(cx, &[Present]).await
}

async fn unchanged_creates_nothing(cx: &Context) -> Finding {
    create_nothing(cx, &[Unchanged(b"old"), Unchanged(b""), Unchanged(b"new")]).await
}

async fn unchanged_compares_every_byte(cx: &Context) -> Finding {
    let values: [&[u8]; 16] = [
        b"",
        b"\0",
        b"\0\0",
        b" ",
        b"a",
        b"A",
        b"aa",
        b"a ",
        b"a\0",
        b"a\n",
        b"\0a",
        b"b",
        b"\xFF",
        b"\xC3\xA9",
        b"e\xCC\x81",
        b"NULL",
    ];
    let one = async |number: usize| {
        let (slot, live) = (cx.slot(number), values[number]);
        slot.set(live, LASTING).await?;
        for expected in values.into_iter().filter(|expected| *expected != live) {
            slot.refuses_if(Unchanged(expected), b"new")
                .await
                .when(shown(expected))?;
        }
        slot.holds(live).await.when("after refusals")?;
        slot.writes_if(Unchanged(live), b"new", LASTING)
            .await
            .when("itself")?;
        slot.holds(b"new").await?;
        slot.refuses_if(Unchanged(live), b"newer")
            .await
            .when("written meanwhile")?;
        slot.holds(b"new").await?;
        // To the same bytes and to none.
        slot.writes_if(Unchanged(b"new"), b"new", LASTING).await?;
        slot.writes_if(Unchanged(b"new"), b"", LASTING).await?;
        slot.holds(b"").await
    };
    let all = (0..values.len()).map(async |number| {
        let when = format!("expected over {}", shown(values[number]));
        one(number).await.when(when)
    });
    try_join_all(all).await?;
    let slot = cx.slot("record");
    let refuse = async || slot.refuses_if(Unchanged(b"else"), b"new").await;
    refusals_change_nothing(&slot, b"old", refuse).await
}

async fn unchanged_compares_large_values(cx: &Context) -> Finding {
    let mut random = Random::new(cx.seed());
    let limit = cx.facts().max_value.unwrap_or(usize::MAX);
    let slot = cx.slot("record");
    for size in [255, 256, 8_000, 65_536, (1 << 20) - 1024, 1 << 20] {
        if size > limit {
            continue;
        }
        let live = random.bytes(size);
        slot.set(&live, LASTING).await?;
        // Not the beginning, not more, and not with one other byte anywhere.
        let mut others = vec![
            live[..size - 1].to_vec(),
            live[1..].to_vec(),
            live[..size / 2].to_vec(),
        ];
        others.push([&live[..], b"\0"].concat());
        for at in [0, size / 2, size - 1, random.below(size)] {
            let mut other = live.clone();
            other[at] ^= 1;
            others.push(other);
        }
        for (number, other) in others.iter().enumerate() {
            let refused = slot.refuses_if(Unchanged(other), b"new").await;
            refused.when(format_args!(
                "value {number} that is almost one of {size} bytes"
            ))?;
        }
        slot.holds(&live).await.when("after refusals")?;
        let next = random.bytes(size);
        slot.writes_if(Unchanged(&live), &next, LASTING).await?;
        slot.holds(&next).await?;
    }
    slot.destroy().await
}

/// What became of many conditional writes at once.
async fn wins(slots: &[Slot], condition: Condition<'static>) -> Result<Vec<Vec<u8>>, String> {
    let tasks = slots
        .iter()
        .cloned()
        .enumerate()
        .map(|(number, slot)| async move {
            let value = format!("value {number}").into_bytes();
            let wrote = slot.set_if(condition, &value, LASTING).await?;
            Ok(wrote.then_some(value))
        });
    let answers = at_once(tasks.collect()).await?;
    Ok(answers.into_iter().flatten().collect())
}

/// Expects exactly one of these slots, which are all the same record, to write, and its value to be there.
async fn one_wins(slots: &[Slot], condition: Condition<'static>) -> Finding {
    let winners = wins(slots, condition).await?;
    let [winner] = &winners[..] else {
        return Err(format!(
            "expected one of {} set_if {condition:?} to write, saw {}",
            slots.len(),
            winners.len()
        ));
    };
    slots[0].holds(winner).await.when("the winner's value")?;
    slots[0].refuses_if(Absent, b"late").await
}

async fn of_many_absent_one_wins(cx: &Context) -> Finding {
    for round in 0..8 {
        one_wins(&vec![cx.slot(round); 64], Absent).await?;
    }
    // Destroyed, and once more.
    let again = cx.slot(0);
    again.destroy().await?;
    one_wins(&vec![again; 64], Absent)
        .await
        .when("after destroy")
}

async fn of_many_absent_over_the_expired_one_wins(cx: &Context) -> Finding {
    for round in 0..8 {
        let slot = cx.slot(round);
        slot.expires(b"old").await?;
        one_wins(&vec![slot; 64], Absent).await?;
    }
    Ok(())
}

async fn of_many_handles_one_wins(cx: &Context) -> Finding {
    let (one, two) = (cx.open(cx.setup()).await?, cx.open(cx.setup()).await?);
    for round in 0..8 {
        let slot = cx.slot(round);
        let handles = [slot.clone(), slot.on(&one), slot.on(&two)];
        let slots: Vec<_> = handles.into_iter().cycle().take(64).collect();
        one_wins(&slots, Absent).await?;
    }
    Ok(())
}

async fn of_many_unchanged_one_wins(cx: &Context) -> Finding {
    for round in 0..8 {
        let slot = cx.slot(round);
        slot.set(b"old", LASTING).await?;
        one_wins(&vec![slot; 32], Unchanged(b"old")).await?;
    }
    Ok(())
}

/// Others renew the record and write the same bytes anew while it is compared.
async fn renewed_is_unchanged(cx: &Context) -> Finding {
    let slot = cx.slot("record");
    slot.set(b"same", LASTING).await?;
    let is_done = AtomicBool::new(false);
    let others = async {
        while !is_done.load(Ordering::Relaxed) {
            slot.is_touched(LASTING).await?;
            slot.set(b"same", LASTING).await?;
            yield_now().await; // some stores are always ready
        }
        Ok(())
    };
    let writes = async {
        for _ in 0..100 {
            slot.writes_if(Unchanged(b"same"), b"same", LASTING).await?;
        }
        is_done.store(true, Ordering::Relaxed);
        Ok(())
    };
    try_join(others, writes).await.map(drop)
}
