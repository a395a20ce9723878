//! C14: a backend that is down, hangs or answers nonsense.

use std::time::Duration;

use futures_util::future::try_join_all;
use session_store_api::{AtomicSessionStore, Condition, SessionStore};
use tokio::time::sleep;

use crate::backend::for_each_fault;
use crate::case::{Case, Finding, Needs};
use crate::context::Context;
use crate::slot::{LASTING, Slot, When, shown};

pub(crate) const CASES: &[Case] = &[
    Case::new("c14_a_fault_is_an_error_never_none", |cx| {
        Box::pin(a_fault_is_an_error_never_none(cx))
    })
    .needs(&[Needs::Control]),
    Case::new("c14_many_callers_are_answered_in_time", |cx| {
        Box::pin(many_callers_are_answered_in_time(cx))
    })
    .needs(&[Needs::Control]),
    Case::new("c14_the_same_handle_works_again", |cx| {
        Box::pin(the_same_handle_works_again(cx))
    })
    .needs(&[Needs::Control]),
    Case::new("c14_a_call_under_way_is_no_exception", |cx| {
        Box::pin(a_call_under_way_is_no_exception(cx))
    })
    .needs(&[Needs::Control]),
];

async fn a_fault_is_an_error_never_none(cx: &Context) -> Finding {
    for_each_fault(cx, async |broken| {
        let names = ["kept", "set", "destroyed", "present", "unchanged", "touched"];
        let records = broken.records(names).await?;
        let [kept, set, destroyed, present, unchanged, touched] = &records;
        let (missing, created) = (broken.slot("missing")?, broken.slot("created")?);
        missing.is_gone().await?;
        broken.cause().await?;

        let set_if = async |slot: &Slot, condition| {
            let Ok(store) = slot.atomic() else {
                return Ok(None);
            };
            let call = store.set_if(slot.key(), condition, b"new", LASTING.into());
            let when = format!("set_if {condition:?}");
            match broken.answer(call).await.when(&when)? {
                Some(false) => Err(format!("{when}: expected true or an error, saw false")),
                answer => Ok(answer),
            }
        };
        let (get, miss, wrote, gone, was_created, was_present, was_unchanged, was_touched) = tokio::join!(
            broken.reads(kept, &[b"old"]),
            broken.answer(missing.store().get(missing.key())),
            broken.answer(set.store().set(set.key(), b"new", LASTING.into())),
            broken.answer(destroyed.store().destroy(destroyed.key())),
            set_if(&created, Condition::Absent),
            set_if(present, Condition::Present),
            set_if(unchanged, Condition::Unchanged(b"old")),
            async {
                match touched.atomic() {
                    Ok(store) => broken.answer(store.touch(touched.key(), LASTING.into())).await,
                    Err(_) => Ok(None),
                }
            },
        );
        get.when("get")?;
        match miss.when("get of a missing record")? {
            Some(None) if broken.is_total() => {
                return Err("get of a missing record: expected an error, saw None".to_owned());
            }
            Some(Some(seen)) => return Err(format!("expected an error, saw {}", shown(&seen))),
            Some(None) | None => {}
        }
        if was_touched.when("touch")? == Some(false) {
            return Err("touch: expected true or an error, saw false".to_owned());
        }
        let (wrote, gone) = (wrote.when("set")?, gone.when("destroy")?);
        let outcomes = [
            (set, wrote, Some(&b"old"[..]), Some(&b"new"[..])),
            (destroyed, gone, Some(b"old"), None),
            (&created, was_created?.map(|_| ()), None, Some(b"new")),
            (present, was_present?.map(|_| ()), Some(b"old"), Some(b"new")),
            (unchanged, was_unchanged?.map(|_| ()), Some(b"old"), Some(b"new")),
            (kept, Some(()), None, Some(b"old")),
            (touched, Some(()), None, Some(b"old")),
        ];

        broken.heal().await?;
        for (slot, answered, before, after) in outcomes {
            // An answered call was carried out; one that failed may have been.
            let seen = slot.get().await.when("healed")?;
            let seen = seen.as_deref();
            let lost = seen.is_none() && !broken.keeps();
            if seen != after && !(answered.is_none() && seen == before) && !lost {
                let text = |value: Option<&[u8]>| value.map_or("None".to_owned(), shown);
                return Err(format!("healed: expected {}, saw {}", text(after), text(seen)));
            }
        }
        Ok(())
    })
    .await
}

/// So many that they cannot be waited for one after the other, each for its own timeout.
const CALLERS: usize = 200;

async fn many_callers_are_answered_in_time(cx: &Context) -> Finding {
    for_each_fault(cx, async |broken| {
        let [record] = &broken.records(["record"]).await?;
        broken.cause().await?;
        for round in ["at once", "a little later"] {
            let calls = (0..CALLERS).map(|_| broken.reads(record, &[b"old"]));
            try_join_all(calls).await.when(round)?;
        }
        broken.heal().await?;
        let calls = (0..CALLERS).map(async |number| {
            let slot = broken.slot(number)?;
            slot.set(b"new", LASTING).await?;
            slot.holds(b"new").await
        });
        try_join_all(calls).await.when("healed")?;
        Ok(())
    })
    .await
}

async fn the_same_handle_works_again(cx: &Context) -> Finding {
    for_each_fault(cx, async |broken| {
        let [record] = &broken.records(["record"]).await?;
        let mut value = "old".to_owned();
        for round in 1..=2 {
            broken.cause().await?;
            let when = format!("time {round}");
            broken
                .reads(record, &[value.as_bytes()])
                .await
                .when(&when)?;
            broken.heal().await.when(&when)?;
            if broken.keeps() {
                record
                    .holds(value.as_bytes())
                    .await
                    .when("healed")
                    .when(&when)?;
            }
            value = format!("written after {when}");
            record
                .set(value.as_bytes(), LASTING)
                .await
                .when("healed")
                .when(&when)?;
            record
                .holds(value.as_bytes())
                .await
                .when("healed")
                .when(&when)?;
        }
        record.destroy().await.when("healed")?;
        record.is_gone().await.when("healed")
    })
    .await
}

/// The backend breaks while calls are on their way.
async fn a_call_under_way_is_no_exception(cx: &Context) -> Finding {
    for_each_fault(cx, async |broken| {
        let [read, written] = &broken.records(["read", "written"]).await?;
        let reads = (0..20).map(async |number| {
            sleep(Duration::from_micros(100 * number)).await;
            broken.reads(read, &[b"old"]).await
        });
        let writes = (0..20).map(async |number| {
            sleep(Duration::from_micros(100 * number)).await;
            let set = written.store().set(written.key(), b"new", LASTING.into());
            broken.answer(set).await
        });
        let (reads, writes, caused) =
            tokio::join!(try_join_all(reads), try_join_all(writes), async {
                sleep(Duration::from_millis(1)).await;
                broken.cause().await
            });
        caused?;
        reads.when("get")?;
        let answered = writes.when("set")?.into_iter().flatten().count();
        broken.heal().await?;
        match written.get().await?.as_deref() {
            Some(b"new") => Ok(()),
            Some(b"old") if answered == 0 => Ok(()),
            None if !broken.keeps() => Ok(()),
            seen => Err(format!(
                "healed, after {answered} sets were answered: saw {}",
                seen.map_or("None".to_owned(), shown)
            )),
        }
    })
    .await
}
