//! A06: what is destroyed stays destroyed.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::try_join_all;
use session_store_api::{AtomicSessionStore, Condition, Result as Answer, SessionKey};
use tokio::task::yield_now;
use tokio::time::sleep;

use crate::case::{Case, Finding, Needs};
use crate::context::Context;
use crate::random::Random;
use crate::slot::{LASTING, Slot, When, unexpected};
use crate::tasks::{at_once, by_turns, drop_after_polls};

pub(crate) const CASES: &[Case] = &[
    Case::new("a06_destroyed_stays_destroyed", |cx| {
        Box::pin(destroyed_stays_destroyed(cx))
    })
    .needs(&[Needs::Atomic]),
    Case::new("a06_no_late_write_revives", |cx| {
        Box::pin(no_late_write_revives(cx))
    })
    .needs(&[Needs::Atomic]),
    Case::new("a06_no_race_revives", |cx| Box::pin(no_race_revives(cx))).needs(&[Needs::Atomic]),
    Case::new("a06_no_race_of_two_handles_revives", |cx| {
        Box::pin(no_race_of_two_handles_revives(cx))
    })
    .needs(&[Needs::Atomic, Needs::Shared]),
    Case::new("a06_no_fault_revives", |cx| Box::pin(no_fault_revives(cx)))
        .needs(&[Needs::Atomic, Needs::Control]),
];

/// The calls that must not bring a record back.
#[derive(Clone, Copy, Debug)]
enum Late {
    Present,
    Unchanged,
    Touch,
}

impl Late {
    const ALL: [Self; 3] = [Self::Present, Self::Unchanged, Self::Touch];

    async fn call(self, slot: &Slot) -> Result<bool, String> {
        let answer = self.ask(&**slot.atomic()?, slot.key()).await;
        answer.map_err(|error| unexpected(format_args!("{self:?}"), &error))
    }

    async fn ask(self, store: &dyn AtomicSessionStore, key: &SessionKey) -> Answer<bool> {
        let set_if = |condition| store.set_if(key, condition, b"late", LASTING.into());
        match self {
            Self::Present => set_if(Condition::Present).await,
            Self::Unchanged => set_if(Condition::Unchanged(b"old")).await,
            Self::Touch => store.touch(key, LASTING.into()).await,
        }
    }
}

async fn destroyed_stays_destroyed(cx: &Context) -> Finding {
    for late in Late::ALL {
        let slot = cx.slot(format_args!("{late:?}"));
        slot.set(b"old", LASTING).await?;
        if !late.call(&slot).await? {
            return Err(format!(
                "expected {late:?} of a live record to be true, saw false"
            ));
        }
        slot.set(b"old", LASTING).await?;
        slot.destroy().await?;
        for time in ["once", "twice", "three times"] {
            if late.call(&slot).await? {
                return Err(format!(
                    "expected {late:?} after destroy to be false, saw true"
                ));
            }
            let when = format!("destroyed, then {late:?} {time}");
            slot.is_gone().await.when(when)?;
        }
    }
    Ok(())
}

/// A request reads, another logs out, and the first one writes what it knows.
async fn no_late_write_revives(cx: &Context) -> Finding {
    let slot = cx.slot("session");
    slot.set(b"old", LASTING).await?;
    let read = slot.get().await?.ok_or("expected the record, saw None")?;
    slot.destroy().await?;
    slot.refuses_if(Condition::Unchanged(&read), b"late")
        .await?;
    slot.refuses_if(Condition::Present, b"late").await?;
    slot.refuses_touch().await?;
    slot.is_gone().await?;
    // Also if somebody has logged in again under the same key: that is another record.
    slot.set(b"new", LASTING).await?;
    slot.refuses_if(Condition::Unchanged(&read), b"late")
        .await?;
    slot.holds(b"new").await
}

/// Races destroy with late calls that begin before and after it; when all have been answered, the record
/// must be gone.
async fn race(cx: &Context, slots: impl Fn(usize) -> (Slot, Slot)) -> Finding {
    const ROUNDS: usize = 60;
    let mut random = Random::new(cx.seed());
    let rounds = (0..ROUNDS).map(|round| {
        let ((one, other), mut random) = (slots(round), random.fork());
        async move {
            one.set(b"old", LASTING).await?;
            other.holds(b"old").await?;
            let calls = (0..6).map(|number| {
                let slot = if number % 2 == 0 {
                    one.clone()
                } else {
                    other.clone()
                };
                let (late, pauses) = (Late::ALL[(round + number) % 3], random.below(8));
                async move {
                    for _ in 0..pauses {
                        yield_now().await;
                    }
                    late.call(&slot).await
                }
            });
            let calls = tokio::spawn(at_once(calls.collect()));
            for _ in 0..random.below(6) {
                yield_now().await;
            }
            one.destroy().await?;
            calls.await.map_err(|error| error.to_string())??;
            let when = format!("round {round}: destroyed, and every other call answered");
            one.is_gone().await.when(&when)?;
            other.is_gone().await.when(&when)
        }
    });
    by_turns(10, rounds.collect()).await?;
    Ok(())
}

async fn no_race_revives(cx: &Context) -> Finding {
    race(cx, |round| (cx.slot(round), cx.slot(round))).await?;
    // A late call that was dropped is no exception, once it has come to rest.
    let mut random = Random::new(cx.seed());
    for (round, late) in Late::ALL.into_iter().cycle().take(30).enumerate() {
        let slot = cx.slot(format_args!("dropped-{round}"));
        slot.set(b"old", LASTING).await?;
        slot.holds(b"old").await?;
        slot.destroy().await?;
        drop_after_polls(random.below(5), late.call(&slot)).await;
        slot.is_gone()
            .await
            .when("destroyed, and a late call dropped")?;
    }
    Ok(())
}

async fn no_race_of_two_handles_revives(cx: &Context) -> Finding {
    let other = cx.open(cx.setup()).await?;
    race(cx, |round| (cx.slot(round), cx.slot(round).on(&other))).await
}

/// Late calls meet a fault; when it is over the record is destroyed, and whatever the store still has of
/// those calls must not bring it back.
async fn no_fault_revives(cx: &Context) -> Finding {
    let destroyed = Mutex::new(Vec::new());
    let backend = cx.open_breakable(cx.setup()).await?;
    let under = backend.each_fault(async |broken| {
        let slots = broken.slots("record", 24)?;
        try_join_all(slots.iter().map(|slot| slot.set(b"old", LASTING))).await?;
        try_join_all(slots.iter().map(|slot| slot.holds(b"old"))).await?;
        let lates = Late::ALL.into_iter().cycle().zip(0..);
        let calls = slots.iter().zip(lates).map(async |(slot, (late, number))| {
            sleep(Duration::from_micros(200 * number)).await;
            broken.answer(late.ask(&**slot.atomic()?, slot.key())).await
        });
        let cause = async {
            sleep(Duration::from_millis(1)).await;
            broken.cause().await
        };
        let (calls, caused) = tokio::join!(try_join_all(calls), cause);
        caused?;
        calls.when("a late call")?;
        broken.heal().await?;
        try_join_all(slots.iter().map(Slot::destroy)).await?;
        let mut destroyed = destroyed.lock().unwrap_or_else(PoisonError::into_inner);
        destroyed.extend(slots);
        Ok(())
    });
    under.await?;
    let destroyed = destroyed
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner);
    for pause in [0, 100, 300, 700] {
        sleep(Duration::from_millis(pause)).await;
        let gone = try_join_all(destroyed.iter().map(Slot::is_gone)).await;
        gone.when("destroyed after a fault")?;
    }
    Ok(())
}
