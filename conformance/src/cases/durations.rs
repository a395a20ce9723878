//! C08 and C09: from nothing to for ever.

use std::time::{Duration, Instant};

use futures_util::future::try_join_all;

use crate::case::{Case, Finding};
use crate::context::Context;
use crate::life::until;
use crate::slot::{LASTING, When};

pub(crate) const CASES: &[Case] = &[
    Case::new("c08_zero_leaves_nothing", |cx| {
        Box::pin(zero_leaves_nothing(cx))
    }),
    Case::new("c09_short_lives_end", |cx| Box::pin(short_lives_end(cx))),
    Case::new("c09_long_lives_last", |cx| Box::pin(long_lives_last(cx))),
    Case::new("c09_long_lives_can_be_shortened", |cx| {
        Box::pin(long_lives_can_be_shortened(cx))
    }),
];

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Lives within a second, down to the shortest.
pub(crate) const SHORT_LIVES: [Duration; 8] = [
    Duration::from_nanos(1),
    Duration::from_nanos(999),
    Duration::from_micros(1),
    Duration::from_nanos(999_999),
    Duration::from_millis(1),
    Duration::from_nanos(1_000_001),
    Duration::from_millis(2),
    Duration::from_millis(999),
];

/// Lives at and about every limit that a backend has been seen to stumble over.
pub(crate) fn long_lives() -> Vec<Duration> {
    let (second, milli) = (Duration::from_secs(1), Duration::from_millis(1));
    let (year, two31, two32) = (365 * DAY, 1_u64 << 31, 1_u64 << 32);
    vec![
        DAY,
        // A timer of 31 or 32 bits counts milliseconds for 24.8 or 49.7 days.
        Duration::from_millis(two31) - milli,
        Duration::from_millis(two31),
        Duration::from_millis(two32),
        Duration::from_millis(two32) + second,
        // Memcached takes more than 30 days for a date.
        30 * DAY - second,
        30 * DAY,
        30 * DAY + second,
        31 * DAY,
        60 * DAY,
        year,
        // Past 2038, past 2106, and past 31 and 32 bits of seconds.
        25 * year,
        100 * year,
        Duration::from_secs(two31) - second,
        Duration::from_secs(two31),
        Duration::from_secs(two32) - second,
        Duration::from_secs(two32),
        Duration::from_secs(two32) + second,
        // Past the nanoseconds of 63 and 64 bits, the year 9999, and the last year of PostgreSQL.
        Duration::from_nanos(1 << 63),
        Duration::from_nanos(u64::MAX),
        1_001 * year,
        8_000 * year,
        300_000 * year,
        // Past the doubles that are exact, and the last milliseconds and seconds there are.
        Duration::from_millis((1 << 53) + 1),
        Duration::from_micros(1 << 63),
        Duration::from_micros(u64::MAX),
        Duration::from_millis(1 << 63),
        Duration::from_millis(u64::MAX),
        Duration::from_secs(1 << 63),
        Duration::from_secs(u64::MAX),
        Duration::MAX,
    ]
}

async fn zero_leaves_nothing(cx: &Context) -> Finding {
    let (free, live, again) = (cx.slot("free"), cx.slot("live"), cx.slot("again"));
    free.set(b"value", Duration::ZERO).await?;
    free.is_gone().await.when("after zero on a free key")?;

    live.set(b"old", LASTING).await?;
    live.holds(b"old").await?;
    live.set(b"new", Duration::ZERO).await?;
    live.is_gone().await.when("after zero over a live record")?;

    again.set(b"same", LASTING).await?;
    again.set(b"same", Duration::ZERO).await?;
    again
        .is_gone()
        .await
        .when("after zero with the same bytes")?;
    again.set(b"", Duration::ZERO).await?;
    again.is_gone().await.when("after zero with no bytes")?;
    again.destroy().await?;
    again.set(b"back", LASTING).await?;
    again.holds(b"back").await.when("set again after zero")?;
    free.is_gone().await.when("a little later")?;
    live.is_gone().await.when("a little later")
}

async fn short_lives_end(cx: &Context) -> Finding {
    let one = async |max_age: Duration| {
        let name = max_age.as_nanos();
        let (fresh, over) = (cx.slot(name), cx.slot(format_args!("{name}-over")));
        over.set(b"old", LASTING).await?;
        over.holds(b"old").await?;
        for slot in [fresh, over] {
            let life = slot.set(b"new", max_age).await?;
            life.check(&slot, b"new").await?;
            life.over(slot.resolution()).await;
            life.is_over(&slot).await?;
            slot.set(b"next", LASTING).await?;
            slot.holds(b"next").await.when("set again")?;
        }
        Ok::<_, String>(())
    };
    try_join_all(SHORT_LIVES.map(one)).await?;
    Ok(())
}

async fn long_lives_last(cx: &Context) -> Finding {
    let one = async |(number, max_age): (usize, Duration)| {
        let when = format!("with a max age of {max_age:?}");
        let (fresh, over) = (cx.slot(number), cx.slot(format_args!("{number}-over")));
        over.set(b"old", Duration::from_millis(100)).await?;
        for slot in [&fresh, &over] {
            slot.set(b"new", max_age).await.when(&when)?;
            slot.holds(b"new").await.when("at once").when(&when)?;
        }
        // A second too much, of 32 bits of seconds, is a life of a second.
        until(Instant::now() + fresh.resolution() + Duration::from_millis(1_200)).await;
        for slot in [&fresh, &over] {
            slot.holds(b"new").await.when("later").when(&when)?;
            slot.destroy().await?;
            slot.is_gone().await.when(&when)?;
        }
        Ok::<_, String>(())
    };
    try_join_all(long_lives().into_iter().enumerate().map(one)).await?;
    Ok(())
}

async fn long_lives_can_be_shortened(cx: &Context) -> Finding {
    let one = async |(number, long): (usize, Duration)| {
        let slot = cx.slot(number);
        let write = async |max_age| {
            slot.set(b"long", long).await?;
            slot.holds(b"long").await?;
            slot.set(b"short", max_age).await
        };
        let lives = slot.lives(b"short", Duration::from_millis(250), write);
        lives.await.when(format_args!("over a life of {long:?}"))
    };
    let lives = [31 * DAY, Duration::from_secs(1 << 32), Duration::MAX];
    try_join_all(lives.into_iter().enumerate().map(one)).await?;
    Ok(())
}
