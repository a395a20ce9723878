//! C20: what was written is there after closing, opening and a restart.

use std::time::Duration;

use futures_util::future::try_join_all;

use crate::case::{Case, Finding, Needs};
use crate::cases::faults::for_each_fault;
use crate::context::Context;
use crate::random::Random;
use crate::setup::Setup;
use crate::slot::{LASTING, When};

pub(crate) const CASES: &[Case] = &[
    Case::new("c20_records_survive_closing", |cx| {
        Box::pin(records_survive_closing(cx))
    })
    .needs(&[Needs::Durable]),
    Case::new("c20_life_goes_on_while_closed", |cx| {
        Box::pin(life_goes_on_while_closed(cx))
    })
    .needs(&[Needs::Durable]),
    Case::new("c20_records_survive_faults", |cx| {
        Box::pin(records_survive_faults(cx))
    })
    .needs(&[Needs::Durable, Needs::Control]),
];

/// A namespace whose only handles are those of one case, so that dropping them closes the store.
fn closable(cx: &Context, own: &str) -> Setup {
    cx.setup().beyond(own)
}

async fn records_survive_closing(cx: &Context) -> Finding {
    let setup = closable(cx, "_closed");
    let mut random = Random::new(cx.seed());
    let values: Vec<_> = [0, 1, 300, 70_000]
        .map(|len| random.bytes(len.min(cx.facts().max_value.unwrap_or(len))))
        .into();
    let slots =
        |handle: &_| -> Vec<_> { (0..values.len()).map(|n| cx.slot(n).on(handle)).collect() };
    let destroyed = cx.slot("destroyed");

    let handle = cx.open(setup.clone()).await?;
    for (slot, value) in slots(&handle).iter().zip(&values) {
        slot.set(b"older", LASTING).await?;
        slot.set(value, LASTING).await?;
    }
    destroyed.on(&handle).set(b"value", LASTING).await?;
    destroyed.on(&handle).holds(b"value").await?;
    destroyed.on(&handle).destroy().await?;
    drop(handle);

    for time in ["the first time", "the second time"] {
        let handle = cx.open(setup.clone()).await?;
        for (slot, value) in slots(&handle).iter().zip(&values) {
            slot.holds(value).await.when("reopened").when(time)?;
        }
        destroyed
            .on(&handle)
            .is_gone()
            .await
            .when("reopened")
            .when(time)?;
    }
    // What is read can be written again.
    let handle = cx.open(setup).await?;
    for slot in slots(&handle) {
        slot.set(b"new", LASTING).await?;
        slot.holds(b"new").await?;
        slot.destroy().await?;
        slot.is_gone().await?;
    }
    Ok(())
}

async fn life_goes_on_while_closed(cx: &Context) -> Finding {
    let setup = closable(cx, "_life");
    let (half, ended, lasting) = (cx.slot("half"), cx.slot("ended"), cx.slot("lasting"));
    // A life that begins before the store is closed and ends after it was opened again is neither
    // longer nor shorter for it.
    let write = async |max_age: Duration| {
        let handle = cx.open(setup.clone()).await?;
        let life = half.on(&handle).set(b"half", max_age).await?;
        let short = ended.on(&handle).set(b"ended", max_age / 4).await?;
        lasting.on(&handle).set(b"lasting", LASTING).await?;
        drop(handle);
        short.over(ended.resolution()).await;
        let handle = cx.open(setup.clone()).await?;
        short
            .is_over(&ended.on(&handle))
            .await
            .when("ended while closed")?;
        Ok((half.on(&handle), life))
    };
    half.lives_where(b"half", Duration::from_millis(1_200), write)
        .await?;
    let handle = cx.open(setup.clone()).await?;
    lasting.on(&handle).holds(b"lasting").await
}

/// A restart, if the control can cause one, and whatever else it can.
async fn records_survive_faults(cx: &Context) -> Finding {
    for_each_fault(cx, async |fault, broken| {
        let slots = (0..20).map(|number| broken.slot(number));
        let slots = slots.collect::<Result<Vec<_>, _>>()?;
        let [short, ended, destroyed, fresh] = &broken
            .records(["short", "ended", "destroyed", "fresh"])
            .await?;
        try_join_all(slots.iter().map(|slot| slot.set(b"value", LASTING))).await?;
        destroyed.destroy().await?;
        ended.expires(b"old").await?;

        let write = async |max_age| {
            let life = short.set(b"short", max_age).await?;
            // The last write that was answered counts, however soon the backend fails after it.
            fresh.set(b"fresh", LASTING).await?;
            broken.cause(fault).await?;
            broken.heal().await?;
            Ok(life)
        };
        short.lives(b"short", Duration::from_secs(2), write).await?;
        fresh.holds(b"fresh").await?;
        try_join_all(slots.iter().map(|slot| slot.holds(b"value"))).await?;
        destroyed.is_gone().await.when("destroyed before")?;
        ended.is_gone().await.when("expired before")
    })
    .await
}
