//! C20: what was written is there after closing, opening and a restart.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{try_join, try_join_all};
use session_store_api::SessionStore;
use tokio::time::sleep;

use crate::backend::{Broken, for_each_fault};
use crate::case::{Case, Finding, Needs};
use crate::cases::recovery::Load;
use crate::context::Context;
use crate::control::Fault;
use crate::random::Random;
use crate::setup::Setup;
use crate::slot::{LASTING, Slot, When};
use crate::tasks::at_once;

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
    Case::new("c20_what_was_acknowledged_under_load_survives", |cx| {
        Box::pin(what_was_acknowledged_under_load_survives(cx))
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
    for_each_fault(cx, async |broken| {
        let slots = broken.slots("lasting", 20)?;
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
            broken.cause().await?;
            broken.heal().await?;
            Ok(life)
        };
        let max_age = match broken.fault() {
            Fault::Down => Duration::from_secs(2), // to start again takes time
            _ => Duration::from_millis(500),
        };
        short.lives(b"short", max_age, write).await?;
        fresh.holds(b"fresh").await?;
        try_join_all(slots.iter().map(|slot| slot.holds(b"value"))).await?;
        destroyed.is_gone().await.when("destroyed before")?;
        ended.is_gone().await.when("expired before")
    })
    .await
}

/// Many write new records without pause until the backend fails under them.
async fn what_was_acknowledged_under_load_survives(cx: &Context) -> Finding {
    const WRITERS: usize = 16;
    for_each_fault(cx, async |broken| {
        for time in ["first", "second"] {
            let load = Arc::new(Load::default());
            let writers = (0..WRITERS).map(|writer| {
                let name = format!("{time}-{writer}");
                write(broken.clone(), name, load.clone())
            });
            let outage = async {
                load.meets(&broken, 10 * WRITERS).await?;
                load.end();
                sleep(Duration::from_millis(40)).await;
                broken.heal().await
            };
            let (written, ()) = try_join(at_once(writers.collect()), outage).await?;
            broken.recovers().await?;
            let written = written.concat();
            let kept = written
                .iter()
                .map(|(slot, value)| slot.holds(value.as_bytes()));
            let found = try_join_all(kept).await;
            let answered = written.len();
            found.when(format_args!(
                "of {answered} writes answered the {time} time"
            ))?;
        }
        Ok(())
    })
    .await
}

/// Writes one new record after the other until a call fails or the load is over, and answers what was
/// acknowledged.
async fn write(
    broken: Broken,
    name: String,
    load: Arc<Load>,
) -> Result<Vec<(Slot, String)>, String> {
    let mut written = Vec::new();
    while !load.is_over() {
        let value = format!("{name}-{}", written.len());
        let slot = broken.slot(&value)?;
        let (key, bytes) = (slot.key(), value.as_bytes());
        let set = slot.store().set(key, bytes, LASTING.into());
        if broken.answer(set).await?.is_none() {
            load.fail()?;
            break;
        }
        written.push((slot, value));
        load.count();
        // Enough to be always at it.
        sleep(Duration::from_micros(500)).await;
    }
    Ok(written)
}
