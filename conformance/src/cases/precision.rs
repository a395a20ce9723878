//! C06, C07 and A08 to the millisecond.

use std::future::Future;
use std::time::{Duration, Instant};

use futures_util::future::{try_join, try_join_all};
use session_store_api::Condition;
use tokio::task::yield_now;
use tokio::time::sleep;

use crate::case::{Case, Finding, Needs};
use crate::context::Context;
use crate::life::{Life, until};
use crate::slot::{LASTING, Slot};

pub(crate) const CASES: &[Case] = &[
    Case::new("c06_up_to_the_last_millisecond", |cx| {
        Box::pin(up_to_the_last_millisecond(cx))
    }),
    Case::new("c07_from_the_next_millisecond_on", |cx| {
        Box::pin(from_the_next_millisecond_on(cx))
    }),
    Case::new("a08_to_the_millisecond", |cx| {
        Box::pin(to_the_millisecond(cx))
    })
    .needs(&[Needs::Atomic]),
];

/// Which ends of lives were seen: a read answered in the last moment in which the record must be there,
/// and one begun in the first in which it must not.
#[derive(Clone, Copy, Default)]
struct Edges {
    last: bool,
    next: bool,
}

/// Watches the ends of many lives, one after the other, so that no reader is in another's way. On a busy
/// machine most are missed, and a far store cannot be asked so precisely: then again, half as sharply.
async fn sharp<W, F>(cx: &Context, name: &str, enough: fn(Edges) -> bool, write: W) -> Finding
where
    W: Fn(Slot, Duration) -> F + Sync,
    F: Future<Output = Result<Life, String>> + Send,
{
    let mut moment = SHARPEST;
    for round in 0..10 {
        let lives = (0..16).map(async |number| {
            let slot = cx.slot(format_args!("{name}-{round}-{number}"));
            let max_age = Duration::from_millis(300 + 40 * number) + 4 * moment;
            let life = write(slot.clone(), max_age).await?;
            edges(&slot, &life, moment).await
        });
        let mut seen = Edges::default();
        for edges in try_join_all(lives).await? {
            seen.last |= edges.last;
            seen.next |= edges.next;
        }
        if enough(seen) {
            return Ok(());
        }
        moment *= 2;
    }
    Err(format!(
        "no read met the last {:?} of a life, or the first after it: the store or the machine is too \
         slow",
        moment / 2
    ))
}

/// Reads again and again in the last moment of a life, and once in the first after it.
async fn edges(slot: &Slot, life: &Life, moment: Duration) -> Result<Edges, String> {
    let mut seen = Edges::default();
    life.check(slot, VALUE).await?;
    until(life.sure_until() - moment).await;
    while life.check(slot, VALUE).await? {
        seen.last = true;
        match moment > SHARPEST {
            true => sleep(Duration::from_millis(1)).await, // a busy machine must not be made busier
            false => yield_now().await,
        }
    }
    let over = life.over_from(slot.resolution());
    until(over - Duration::from_millis(1)).await;
    while Instant::now() < over {
        yield_now().await;
    }
    life.is_over(slot).await?;
    seen.next = over.elapsed() < moment;
    Ok(seen)
}

const VALUE: &[u8] = b"value";

/// The moment to which an end is proved on a quiet machine.
const SHARPEST: Duration = Duration::from_millis(3);

async fn up_to_the_last_millisecond(cx: &Context) -> Finding {
    let write = async |slot: Slot, max_age| slot.set(VALUE, max_age).await;
    sharp(cx, "set", |seen| seen.last, write).await
}

async fn from_the_next_millisecond_on(cx: &Context) -> Finding {
    let write = async |slot: Slot, max_age| slot.set(VALUE, max_age).await;
    sharp(cx, "set", |seen| seen.next, write).await
}

async fn to_the_millisecond(cx: &Context) -> Finding {
    let by_touch = async |slot: Slot, max_age| {
        slot.set(VALUE, LASTING).await?;
        slot.is_touched(max_age).await
    };
    let by_set_if = async |slot: Slot, max_age| {
        slot.destroy().await?;
        slot.writes_if(Condition::Absent, VALUE, max_age).await
    };
    let both = |seen: Edges| seen.last && seen.next;
    try_join(
        sharp(cx, "set_if", both, by_set_if),
        sharp(cx, "touch", both, by_touch),
    )
    .await?;
    Ok(())
}
