//! A07: `touch` renews, and does nothing else.

use std::time::Duration;

use futures_util::future::try_join_all;
use session_store_api::MaxAge;
use tokio::task::yield_now;
use tokio::time::sleep;

use crate::case::{Case, Finding, Needs};
use crate::context::Context;
use crate::random::Random;
use crate::slot::{LASTING, Slot, When};
use crate::tasks::{at_once, by_turns};

pub(crate) const CASES: &[Case] = &[
    Case::new("a07_touch_extends", |cx| Box::pin(touch_extends(cx))).needs(&[Needs::Atomic]),
    Case::new("a07_touch_shortens", |cx| Box::pin(touch_shortens(cx))).needs(&[Needs::Atomic]),
    Case::new("a07_touch_keeps_the_value", |cx| {
        Box::pin(touch_keeps_the_value(cx))
    })
    .needs(&[Needs::Atomic]),
    Case::new("a07_touch_creates_and_revives_nothing", |cx| {
        Box::pin(touch_creates_and_revives_nothing(cx))
    })
    .needs(&[Needs::Atomic]),
    Case::new("a07_touch_never_restores_old_bytes", |cx| {
        Box::pin(touch_never_restores_old_bytes(cx))
    })
    .needs(&[Needs::Atomic]),
    Case::new("a07_touch_renews_again_and_again", |cx| {
        Box::pin(touch_renews_again_and_again(cx))
    })
    .needs(&[Needs::Atomic]),
];

const SHORT: Duration = Duration::from_millis(300);

/// Touches a record of a life that is short. A machine too slow to do so in time gets a longer one.
async fn touch_in_time(slot: &Slot, value: &[u8], max_age: Duration) -> Finding {
    let mut short = SHORT;
    loop {
        let life = slot.set(value, short).await?;
        let touched = slot.touch(max_age).await?;
        match (touched, life.is_sure()) {
            (true, true) => {
                life.over(slot.resolution()).await;
                return Ok(());
            }
            (false, true) => return Err("expected touch to renew, saw false".to_owned()),
            (_, false) => short *= 2,
        }
    }
}

async fn touch_extends(cx: &Context) -> Finding {
    let (slot, session) = (cx.slot("extended"), cx.slot("session"));
    let until_old_end = async |slot: &Slot| {
        touch_in_time(slot, b"value", LASTING).await?;
        slot.holds(b"value")
            .await
            .when("after the end of the life that was extended")
    };
    let as_session = async {
        let life = session.set(b"value", 2 * SHORT).await?;
        let touched = session.touch(MaxAge::Session).await?;
        if life.is_sure() && !touched {
            return Err("expected touch to renew, saw false".to_owned());
        }
        life.over(session.resolution()).await;
        if touched {
            session
                .holds(b"value")
                .await
                .when("touched to live for the session")?;
        }
        session.destroy().await
    };
    let (extended, as_session) = tokio::join!(until_old_end(&slot), as_session);
    extended.and(as_session)
}

async fn touch_shortens(cx: &Context) -> Finding {
    let (slot, zero) = (cx.slot("shortened"), cx.slot("zero"));
    zero.set(b"value", LASTING).await?;
    zero.holds(b"value").await?;
    zero.is_touched(Duration::ZERO).await?;
    zero.is_gone().await.when("touched with zero")?;
    zero.refuses_touch()
        .await
        .when("touched with zero before")?;
    let write = async |max_age| {
        slot.set(b"value", LASTING).await?;
        slot.is_touched(max_age).await
    };
    slot.lives(b"value", SHORT, write).await
}

async fn touch_keeps_the_value(cx: &Context) -> Finding {
    let mut random = Random::new(cx.seed());
    let largest = cx.facts().max_value.unwrap_or(usize::MAX);
    let sizes = [0, 1, 100, 9_000, 70_000, (1 << 20) - 1024];
    let values: Vec<_> = sizes.map(|size| random.bytes(size.min(largest))).into();
    let kept = values.iter().enumerate().map(async |(number, value)| {
        let slot = cx.slot(number);
        slot.set(value, LASTING).await?;
        for max_age in [LASTING, 2 * LASTING, LASTING / 2] {
            slot.is_touched(max_age).await?;
            slot.holds(value).await.when("after touch")?;
        }
        slot.destroy().await
    });
    try_join_all(kept).await?;
    Ok(())
}

async fn touch_creates_and_revives_nothing(cx: &Context) -> Finding {
    let [missing, destroyed, unread, read, live] = [
        "missing",
        "destroyed",
        "expired-unread",
        "expired-read",
        "live",
    ]
    .map(|name| cx.slot(name));
    destroyed.set(b"old", LASTING).await?;
    destroyed.destroy().await?;
    unread.expires(b"old").await?;
    read.expires(b"old").await?;
    read.is_gone().await?;
    live.set(b"old", LASTING).await?;
    live.is_touched(LASTING).await?;
    for slot in [&missing, &destroyed, &unread, &read] {
        slot.refuses_touch().await?;
        slot.is_gone().await.when("after touch")?;
        slot.refuses_touch().await.when("the second time")?;
        slot.set(b"new", LASTING).await?;
        slot.is_touched(LASTING).await?;
        slot.holds(b"new").await.when("set and touched")?;
    }
    Ok(())
}

async fn touch_never_restores_old_bytes(cx: &Context) -> Finding {
    let mut random = Random::new(cx.seed());
    let rounds = (0..60).map(|round| {
        let (slot, mut random) = (cx.slot(round), random.fork());
        async move {
            slot.set(b"old", LASTING).await?;
            let touches = (0..4).map(|_| {
                let (slot, pauses) = (slot.clone(), random.below(6));
                async move {
                    for _ in 0..pauses {
                        yield_now().await;
                    }
                    slot.is_touched(LASTING).await
                }
            });
            let touches = tokio::spawn(at_once(touches.collect()));
            for _ in 0..random.below(6) {
                yield_now().await;
            }
            slot.set(b"new", LASTING).await?;
            slot.holds(b"new").await.when("set while it was touched")?;
            touches.await.map_err(|error| error.to_string())??;
            slot.holds(b"new").await.when("set and touched at once")
        }
    });
    by_turns(12, rounds.collect()).await?;
    Ok(())
}

async fn touch_renews_again_and_again(cx: &Context) -> Finding {
    let slot = cx.slot("record");
    let mut max_age = SHORT;
    loop {
        let mut life = slot.set(b"value", max_age).await?;
        let mut touches = 0;
        while touches < 6 {
            sleep(max_age / 3).await;
            match slot.renew(max_age).await? {
                Some(renewed) => life = renewed,
                None if life.is_sure() => {
                    return Err(format!("expected touch {touches} to renew, saw false"));
                }
                None => break, // too slow
            }
            touches += 1;
        }
        // That was twice the first life; and now no longer than the last one.
        if touches == 6 && life.check(&slot, b"value").await? {
            life.over(slot.resolution()).await;
            return life.is_over(&slot).await;
        }
        max_age *= 2;
    }
}
