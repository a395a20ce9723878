//! C14: a backend that is down, hangs or answers nonsense.

use std::fmt::Display;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::try_join_all;
use session_store_api::{Condition, Error, Result as Answer, SessionStore};
use tokio::time::sleep;

use crate::Facts;
use crate::case::{Case, Finding, Needs};
use crate::context::Context;
use crate::control::{Control, Fault};
use crate::slot::{LASTING, Slot, When, shown, unexpected};
use crate::tasks::within;

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

/// Breaks the backend.
pub(crate) async fn cause(control: &dyn Control, fault: Fault) -> Finding {
    let caused = control.cause(fault).await;
    caused.map_err(|error| format!("the control could not cause {fault:?}: {error}"))
}

/// Mends the backend, and gives the store its timeout to notice.
pub(crate) async fn heal(control: &dyn Control, slot: &Slot, facts: &Facts) -> Finding {
    let healed = control.heal().await;
    healed.map_err(|error| format!("the control could not heal: {error}"))?;
    let mut last = None;
    let recovery = async {
        while let Err(error) = slot.store().get(slot.key()).await {
            last = Some(error);
            sleep(Duration::from_millis(20)).await;
        }
    };
    if within(patience(facts), recovery).await.is_some() {
        return Ok(());
    }
    Err(match last {
        Some(error) => unexpected("get, long after the fault was healed", &error),
        None => "expected an answer after the fault was healed, saw none".to_owned(),
    })
}

/// How long a call may take that the store must answer within its timeout: a busy machine gets more.
pub(crate) fn patience(facts: &Facts) -> Duration {
    facts.timeout + facts.timeout / 2 + Duration::from_secs(2)
}

/// Runs `case` for each fault that the control can cause, each on a backend of its own.
pub(crate) async fn for_each_fault<F>(cx: &Context, case: impl Fn(Fault, Broken) -> F) -> Finding
where
    F: Future<Output = Finding>,
{
    let (handle, control) = cx.open_breakable().await?;
    let faults = control.faults().to_vec();
    if faults.is_empty() {
        return Err("expected the control to offer a fault, saw none".to_owned());
    }
    let mut first = Some((handle, control));
    let mut runs = Vec::new();
    for fault in faults {
        let (handle, control) = match first.take() {
            Some(opened) => opened,
            None => cx.open_breakable().await?,
        };
        let broken = Broken {
            slot: cx.slot("").on(&handle),
            control,
            facts: cx.facts().clone(),
        };
        let run = case(fault, broken);
        runs.push(async move { run.await.when(format_args!("{fault:?}")) });
    }
    try_join_all(runs).await?;
    Ok(())
}

/// A store on a backend that can be broken.
pub(crate) struct Broken {
    slot: Slot,
    control: Arc<dyn Control>,
    facts: Facts,
}

impl Broken {
    /// A key of this store.
    pub(crate) fn slot(&self, name: impl Display) -> Result<Slot, String> {
        let key = format!("{}{name}", self.slot.key().as_str());
        let key = key
            .parse()
            .map_err(|_| "expected a short name".to_owned())?;
        Ok(self.slot.at(key))
    }

    /// Slots with a record in each.
    pub(crate) async fn records<const N: usize>(
        &self,
        names: [&str; N],
    ) -> Result<[Slot; N], String> {
        let mut slots = Vec::new();
        for name in names {
            let slot = self.slot(name)?;
            slot.set(b"old", LASTING).await?;
            slot.holds(b"old").await?;
            slots.push(slot);
        }
        slots.try_into().map_err(|_| "as many as names".to_owned())
    }

    pub(crate) async fn cause(&self, fault: Fault) -> Finding {
        cause(&*self.control, fault).await
    }

    pub(crate) async fn heal(&self) -> Finding {
        heal(&*self.control, &self.slot, &self.facts).await
    }

    /// Whether a record that was acknowledged must be there after this fault.
    fn keeps(&self, fault: Fault) -> bool {
        self.facts.durable || fault != Fault::Down
    }

    /// Expects an answer in time, and if it is an error, one that a fault may cause. `None` for an error.
    async fn answer<T>(
        &self,
        fault: Fault,
        call: impl Future<Output = Answer<T>>,
    ) -> Result<Option<T>, String> {
        let patience = patience(&self.facts);
        match within(patience, call).await {
            None => Err(format!(
                "expected an answer within {:?}, saw none within {patience:?}",
                self.facts.timeout
            )),
            Some(Ok(answer)) => Ok(Some(answer)),
            Some(Err(error)) if is_fair(fault, &error) => Ok(None),
            Some(Err(error)) => Err(format!(
                "expected Unavailable or Timeout, saw {:?}: {error}",
                error.kind()
            )),
        }
    }

    /// Expects what a read of a live record may answer during a fault: the record, or an error.
    async fn reads(&self, fault: Fault, slot: &Slot, allowed: &[&[u8]]) -> Finding {
        match self.answer(fault, slot.store().get(slot.key())).await? {
            None => Ok(()),
            Some(Some(seen)) if allowed.contains(&&*seen) => Ok(()),
            Some(Some(seen)) => Err(format!("expected an error, saw {}", shown(&seen))),
            Some(None) => Err("expected an error for a live record, saw None".to_owned()),
        }
    }
}

/// Whether a fault may be reported so. What half an answer or none of the protocol looks like to a client,
/// nobody can say.
fn is_fair(fault: Fault, error: &Error) -> bool {
    match fault {
        Fault::Down | Fault::Hung | Fault::Unheard => error.kind().is_transient(),
        Fault::Cut | Fault::Garbled => true,
    }
}

async fn a_fault_is_an_error_never_none(cx: &Context) -> Finding {
    for_each_fault(cx, async |fault, broken| {
        let names = ["kept", "set", "destroyed", "present", "unchanged", "touched"];
        let records = broken.records(names).await?;
        let [kept, set, destroyed, present, unchanged, touched] = &records;
        let (missing, created) = (broken.slot("missing")?, broken.slot("created")?);
        missing.is_gone().await?;
        broken.cause(fault).await?;

        let set_if = async |slot: &Slot, condition| {
            let call = slot.atomic()?.set_if(slot.key(), condition, b"new", LASTING.into());
            let when = format!("set_if {condition:?}");
            match broken.answer(fault, call).await.when(&when)? {
                Some(false) => Err(format!("{when}: expected true or an error, saw false")),
                answer => Ok(answer),
            }
        };
        let (get, miss, wrote, gone, was_created, was_present, was_unchanged, was_touched) = tokio::join!(
            broken.reads(fault, kept, &[b"old"]),
            broken.answer(fault, missing.store().get(missing.key())),
            broken.answer(fault, set.store().set(set.key(), b"new", LASTING.into())),
            broken.answer(fault, destroyed.store().destroy(destroyed.key())),
            set_if(&created, Condition::Absent),
            set_if(present, Condition::Present),
            set_if(unchanged, Condition::Unchanged(b"old")),
            async { broken.answer(fault, touched.atomic()?.touch(touched.key(), LASTING.into())).await },
        );
        get.when("get")?;
        match miss.when("get of a missing record")? {
            Some(None) if fault == Fault::Down => {
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
            let lost = seen.is_none() && !broken.keeps(fault);
            if seen != after && !(answered.is_none() && seen == before) && !lost {
                let text = |value: Option<&[u8]>| value.map_or("None".to_owned(), shown);
                return Err(format!("healed: expected {}, saw {}", text(after), text(seen)));
            }
        }
        Ok(())
    })
    .await
}

async fn many_callers_are_answered_in_time(cx: &Context) -> Finding {
    for_each_fault(cx, async |fault, broken| {
        let [record] = &broken.records(["record"]).await?;
        broken.cause(fault).await?;
        for round in ["at once", "a little later"] {
            let calls = (0..60).map(|_| broken.reads(fault, record, &[b"old"]));
            try_join_all(calls).await.when(round)?;
        }
        broken.heal().await?;
        let calls = (0..60).map(async |number| {
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
    for_each_fault(cx, async |fault, broken| {
        let [record] = &broken.records(["record"]).await?;
        let mut value = "old".to_owned();
        for round in 1..=2 {
            broken.cause(fault).await?;
            let when = format!("time {round}");
            broken
                .reads(fault, record, &[value.as_bytes()])
                .await
                .when(&when)?;
            broken.heal().await.when(&when)?;
            if broken.keeps(fault) {
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
    for_each_fault(cx, async |fault, broken| {
        let [read, written] = &broken.records(["read", "written"]).await?;
        let reads = (0..20).map(async |number| {
            sleep(Duration::from_micros(100 * number)).await;
            broken.reads(fault, read, &[b"old"]).await
        });
        let writes = (0..20).map(async |number| {
            sleep(Duration::from_micros(100 * number)).await;
            let set = written.store().set(written.key(), b"new", LASTING.into());
            broken.answer(fault, set).await
        });
        let (reads, writes, caused) =
            tokio::join!(try_join_all(reads), try_join_all(writes), async {
                sleep(Duration::from_millis(1)).await;
                broken.cause(fault).await
            });
        caused?;
        reads.when("get")?;
        let answered = writes.when("set")?.into_iter().flatten().count();
        broken.heal().await?;
        match written.get().await?.as_deref() {
            Some(b"new") => Ok(()),
            Some(b"old") if answered == 0 => Ok(()),
            None if !broken.keeps(fault) => Ok(()),
            seen => Err(format!(
                "healed, after {answered} sets were answered: saw {}",
                seen.map_or("None".to_owned(), shown)
            )),
        }
    })
    .await
}
