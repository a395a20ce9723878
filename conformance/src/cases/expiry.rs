//! C06 and C07: records live just as long as they were told to.

use std::time::{Duration, Instant};

use futures_util::future::{try_join, try_join_all};
use tokio::time::sleep;

use crate::case::{Case, Finding};
use crate::context::Context;
use crate::slot::{LASTING, Slot, When};

pub(crate) const CASES: &[Case] = &[
    Case::new("c06_never_early", |cx| Box::pin(never_early(cx))),
    Case::new("c06_fractions_of_a_second_count", |cx| {
        Box::pin(fractions_of_a_second_count(cx))
    }),
    Case::new("c06_the_expired_take_nothing_fresh_along", |cx| {
        Box::pin(the_expired_take_nothing_fresh_along(cx))
    }),
    Case::new("c06_busy_neighbours_end_no_life", |cx| {
        Box::pin(busy_neighbours_end_no_life(cx))
    }),
    Case::new("c07_never_late", |cx| Box::pin(never_late(cx))),
    Case::new("c07_reading_does_not_extend", |cx| {
        Box::pin(reading_does_not_extend(cx))
    }),
    Case::new("c07_many_end_together", |cx| {
        Box::pin(many_end_together(cx))
    }),
    Case::new("c07_in_a_store_left_alone", |cx| {
        Box::pin(in_a_store_left_alone(cx))
    }),
    Case::new("c07_gone_is_gone_for_good", |cx| {
        Box::pin(gone_is_gone_for_good(cx))
    }),
];

/// Expects each of these lives to be kept by a record of its own.
async fn all_live(cx: &Context, millis: &[u64]) -> Finding {
    let one = async |millis: u64| {
        let (slot, value) = (cx.slot(millis), format!("for {millis} ms"));
        let write = async |max_age| slot.set(value.as_bytes(), max_age).await;
        let max_age = Duration::from_millis(millis);
        slot.lives(value.as_bytes(), max_age, write).await
    };
    try_join_all(millis.iter().map(|millis| one(*millis))).await?;
    Ok(())
}

async fn never_early(cx: &Context) -> Finding {
    all_live(cx, &[120, 250, 500, 1_000]).await
}

async fn fractions_of_a_second_count(cx: &Context) -> Finding {
    all_live(cx, &[199, 999, 1_001, 1_300, 1_499]).await
}

/// Reading a record that has expired may remove it, but not the one that is being written there.
async fn the_expired_take_nothing_fresh_along(cx: &Context) -> Finding {
    let one = async |number: usize| {
        let slot = cx.slot(number);
        slot.expires(b"old").await?;
        let (read, _) = try_join(slot.get(), slot.set(b"fresh", LASTING)).await?;
        if read.is_some_and(|value| value != b"fresh") {
            return Err("expected None or the fresh value, saw the expired one".to_owned());
        }
        slot.holds(b"fresh").await?;
        sleep(Duration::from_millis(50)).await;
        slot.holds(b"fresh").await.when("a little later")
    };
    try_join_all((0..50).map(one)).await?;
    Ok(())
}

/// What is swept while others write is expired, and nothing else.
async fn busy_neighbours_end_no_life(cx: &Context) -> Finding {
    let slot = cx.slot("lives");
    let ended = cx.slot("last");
    let busy = async {
        while ended.holds(b"ended").await.is_err() {
            let brief = async |number: usize| {
                let slot = cx.slot(format_args!("brief-{number}"));
                slot.set(b"brief", Duration::from_millis(5)).await
            };
            try_join_all((0..10).map(brief)).await?;
            sleep(Duration::from_millis(10)).await;
        }
        Ok(())
    };
    let watched = async {
        let write = async |max_age| slot.set(b"value", max_age).await;
        let found = slot
            .lives(b"value", Duration::from_millis(700), write)
            .await;
        ended.set(b"ended", LASTING).await?;
        found
    };
    try_join(busy, watched).await?;
    Ok(())
}

async fn never_late(cx: &Context) -> Finding {
    // Records that nobody looks at between their first moment and their end.
    let one = async |millis: u64| {
        let (slot, mut max_age) = (cx.slot(millis), Duration::from_millis(millis));
        let mut life = slot.set(b"value", max_age).await?;
        while !life.check(&slot, b"value").await? {
            max_age *= 2; // the answer came too late to prove anything
            life = slot.set(b"value", max_age).await?;
        }
        life.over(slot.resolution()).await;
        life.is_over(&slot).await
    };
    try_join_all([100, 300, 800, 1_050].map(one)).await?;
    Ok(())
}

async fn reading_does_not_extend(cx: &Context) -> Finding {
    let slot = cx.slot("read");
    let max_age = Duration::from_millis(400);
    let life = slot.set(b"value", max_age).await?;
    let over = life.over_from(slot.resolution());
    let mut reads = 0;
    while Instant::now() < over {
        life.check(&slot, b"value").await?;
        reads += 1;
        sleep(Duration::from_millis(20)).await;
    }
    let when = format!("after {reads} reads");
    life.is_over(&slot).await.when(when)
}

async fn many_end_together(cx: &Context) -> Finding {
    let slots: Vec<Slot> = (0..100).map(|number| cx.slot(number)).collect();
    let mut max_age = Duration::from_millis(400);
    loop {
        let lives = slots.iter().map(|slot| slot.set(b"value", max_age));
        let lives = try_join_all(lives).await?;
        let records = || slots.iter().zip(&lives);
        let sure = records().map(|(slot, life)| life.check(slot, b"value"));
        let sure = try_join_all(sure).await?;
        let ends = records().map(async |(slot, life)| {
            life.over(slot.resolution()).await;
            life.is_over(slot).await
        });
        try_join_all(ends).await?;
        if sure.into_iter().all(|sure| sure) {
            return Ok(());
        }
        max_age *= 2;
    }
}

/// Nothing is called between the write and the end, so nothing can sweep by the way.
async fn in_a_store_left_alone(cx: &Context) -> Finding {
    let alone = cx.open(cx.setup().beyond("_alone")).await?;
    let (slot, lasting) = (cx.slot("value").on(&alone), cx.slot("lasting").on(&alone));
    lasting.set(b"lasting", LASTING).await?;
    let life = slot.set(b"value", Duration::from_millis(300)).await?;
    life.over(slot.resolution()).await;
    life.is_over(&slot).await?;
    lasting.holds(b"lasting").await
}

async fn gone_is_gone_for_good(cx: &Context) -> Finding {
    let slot = cx.slot("value");
    slot.set(b"older", LASTING).await?;
    slot.holds(b"older").await?;
    let write = async |max_age| slot.set(b"newer", max_age).await;
    slot.lives(b"newer", Duration::from_millis(200), write)
        .await?;
    for _ in 0..10 {
        sleep(Duration::from_millis(60)).await;
        slot.is_gone().await.when("long after the end")?;
    }
    slot.destroy().await?;
    slot.is_gone().await.when("after destroying the expired")
}
