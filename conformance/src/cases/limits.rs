//! C16: the largest value.

use std::time::Duration;

use futures_util::future::try_join_all;
use session_store_api::{Condition, ErrorKind, SessionStore};
use tokio::time::sleep;

use crate::backend::for_each_fault;
use crate::case::{Case, Finding, Needs};
use crate::context::Context;
use crate::random::Random;
use crate::slot::{LASTING, Slot, When, differs};

pub(crate) const CASES: &[Case] = &[
    Case::new("c16_undeclared_is_unlimited", |cx| {
        Box::pin(undeclared_is_unlimited(cx))
    }),
    Case::new("c16_the_limit_itself_is_kept", |cx| {
        Box::pin(the_limit_itself_is_kept(cx))
    })
    .needs(&[Needs::Limit]),
    Case::new("c16_over_the_limit_is_too_large", |cx| {
        Box::pin(over_the_limit_is_too_large(cx))
    })
    .needs(&[Needs::Limit]),
    Case::new("c16_set_if_has_the_same_limit", |cx| {
        Box::pin(set_if_has_the_same_limit(cx))
    })
    .needs(&[Needs::Atomic, Needs::Limit]),
    Case::new("c16_no_fault_leaves_half_a_large_value", |cx| {
        Box::pin(no_fault_leaves_half_a_large_value(cx))
    })
    .needs(&[Needs::Control]),
];

/// Large enough to be over every limit that somebody forgot to declare, small enough for a test.
const LARGE: usize = 4 << 20;

/// What a test may move to and fro: of a store with a higher limit it is believed that it keeps so much.
const MOVABLE: usize = 32 << 20;

async fn undeclared_is_unlimited(cx: &Context) -> Finding {
    let slot = cx.slot("large");
    let size = cx.facts().max_value.unwrap_or(LARGE).min(LARGE);
    let value = Random::new(cx.seed()).bytes(size);
    slot.set(&value, LASTING).await?;
    slot.holds(&value).await?;
    slot.destroy().await
}

/// The declared limit, and sizes over it: by one byte, and by far.
fn sizes(cx: &Context) -> Result<(usize, [usize; 3]), String> {
    let limit = cx.facts().max_value.ok_or("no limit is declared")?;
    let far = limit.saturating_mul(10).min(limit + 2 * LARGE);
    Ok((limit, [limit + 1, limit + 2, far]))
}

async fn the_limit_itself_is_kept(cx: &Context) -> Finding {
    let slot = cx.slot("largest");
    let (limit, _) = sizes(cx)?;
    let largest = limit.min(MOVABLE);
    for size in [largest, largest.saturating_sub(1)] {
        let value = vec![b'x'; size];
        slot.set(&value, LASTING).await?;
        slot.holds(&value).await?;
    }
    slot.destroy().await?;
    slot.is_gone().await
}

/// Expects what follows a refusal: the old record or none, and a store that works.
async fn nothing_is_half(slot: &Slot, old: Option<&[u8]>) -> Finding {
    match (slot.get().await?, old) {
        (None, _) => {}
        (Some(seen), Some(old)) if seen == old => {}
        (Some(seen), old) => return Err(differs(old.unwrap_or_default(), Some(&seen))),
    }
    slot.set(b"next", LASTING).await?;
    slot.holds(b"next").await.when("set after a refusal")
}

async fn over_the_limit_is_too_large(cx: &Context) -> Finding {
    let (_, sizes) = sizes(cx)?;
    let neighbour = cx.slot("neighbour");
    neighbour.set(b"neighbour", LASTING).await?;
    for size in sizes {
        let value = vec![0; size];
        for old in [None, Some(b"old")] {
            let slot = cx.slot(size);
            slot.destroy().await?;
            if let Some(old) = old {
                slot.set(old, LASTING).await?;
                slot.holds(old).await?;
            }
            let when = format!("{size} bytes over {old:?}");
            match slot.store().set(slot.key(), &value, LASTING.into()).await {
                Err(error) if error.kind() == ErrorKind::TooLarge => {}
                Err(error) => return Err(format!("expected TooLarge, saw {error}")).when(when),
                Ok(()) => return Err("expected TooLarge, saw Ok".to_owned()).when(when),
            }
            let old = old.map(<[u8; 3]>::as_slice);
            nothing_is_half(&slot, old).await.when(when)?;
            slot.destroy().await?;
        }
    }
    neighbour
        .holds(b"neighbour")
        .await
        .when("beside the refused")
}

async fn set_if_has_the_same_limit(cx: &Context) -> Finding {
    use Condition::{Absent, Present, Unchanged};
    let (limit, sizes) = sizes(cx)?;
    let slot = cx.slot("record");
    let largest = vec![b'x'; limit.min(MOVABLE)];
    slot.writes_if(Absent, &largest, LASTING).await?;
    slot.holds(&largest).await?;
    slot.writes_if(Unchanged(&largest), b"old", LASTING).await?;
    slot.writes_if(Present, &largest, LASTING).await?;
    slot.holds(&largest).await?;

    for size in sizes {
        let value = vec![0; size];
        for (condition, old) in [
            (Absent, None),
            (Present, Some(b"old")),
            (Unchanged(b"old"), Some(b"old")),
        ] {
            slot.destroy().await?;
            if let Some(old) = old {
                slot.set(old, LASTING).await?;
                slot.holds(old).await?;
            }
            let when = format!("set_if {condition:?} of {size} bytes");
            let answer = slot
                .atomic()?
                .set_if(slot.key(), condition, &value, LASTING.into());
            match answer.await {
                Err(error) if error.kind() == ErrorKind::TooLarge => {}
                Err(error) => return Err(format!("expected TooLarge, saw {error}")).when(when),
                Ok(wrote) => return Err(format!("expected TooLarge, saw {wrote}")).when(when),
            }
            let old = old.map(<[u8; 3]>::as_slice);
            nothing_is_half(&slot, old).await.when(when)?;
        }
    }
    slot.destroy().await
}

/// The backend breaks while large values are on their way, and some more are sent to it then.
async fn no_fault_leaves_half_a_large_value(cx: &Context) -> Finding {
    let size = cx.facts().max_value.unwrap_or(LARGE).min(512 << 10);
    let (old, new) = (vec![b'o'; size], vec![b'n'; size]);
    for_each_fault(cx, async |broken| {
        let slots = broken.slots("large", 8)?;
        try_join_all(slots.iter().map(|slot| slot.set(&old, LASTING))).await?;
        let writes = slots.iter().zip(0..).map(async |(slot, number)| {
            sleep(Duration::from_micros(400 * number)).await;
            let set = slot.store().set(slot.key(), &new, LASTING.into());
            broken.answer(set).await
        });
        let cause = async {
            sleep(Duration::from_millis(1)).await;
            broken.cause().await
        };
        let (writes, caused) = tokio::join!(try_join_all(writes), cause);
        caused?;
        let writes = writes.when("set")?;
        broken.heal().await?;
        for (slot, answered) in slots.iter().zip(writes) {
            match slot.get().await.when("healed")? {
                Some(seen) if seen == new => {}
                Some(seen) if seen == old && answered.is_none() => {}
                None if !broken.keeps() => {}
                seen => return Err(differs(&new, seen.as_deref())).when("healed"),
            }
        }
        Ok(())
    })
    .await
}
