//! C14: what a fault leaves behind when it is over, and what it does to callers who do not stop calling.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_util::future::{try_join, try_join_all};
use session_store_api::SessionStore;
use tokio::time::sleep;

use crate::backend::{Broken, for_each_fault};
use crate::case::{Case, Finding, Needs};
use crate::context::Context;
use crate::control::Fault;
use crate::slot::{LASTING, Slot, When, shown};
use crate::tasks::{at_once, within};

pub(crate) const CASES: &[Case] = &[
    Case::new("c14_what_failed_is_not_done_later", |cx| {
        Box::pin(what_failed_is_not_done_later(cx))
    })
    .needs(&[Needs::Control]),
    Case::new("c14_under_load_no_answer_is_wrong", |cx| {
        Box::pin(under_load_no_answer_is_wrong(cx))
    })
    .needs(&[Needs::Control]),
    Case::new("c14_reconnecting_is_no_stampede", |cx| {
        Box::pin(reconnecting_is_no_stampede(cx))
    })
    .needs(&[Needs::Control]),
];

/// What a store still has of a write that failed must not come after a later one that was acknowledged.
async fn what_failed_is_not_done_later(cx: &Context) -> Finding {
    let written = Mutex::new(Vec::new());
    let backend = cx.open_breakable(cx.setup()).await?;
    let under = backend.each_fault(async |broken| {
        let slots = broken.slots("record", 24)?;
        try_join_all(slots.iter().map(|slot| slot.set(b"old", LASTING))).await?;
        try_join_all(slots.iter().map(|slot| slot.holds(b"old"))).await?;
        broken.cause().await?;
        let writes = slots.iter().map(async |slot| {
            let set = slot.store().set(slot.key(), b"failed", LASTING.into());
            broken.answer(set).await
        });
        try_join_all(writes).await.when("set")?;
        broken.heal().await?;
        // What the network or the backend holds may be done now, as after any timeout.
        sleep(Duration::from_millis(250)).await;
        for (number, slot) in slots.iter().enumerate() {
            match number % 2 {
                0 => slot.set(b"new", LASTING).await.map(|_| ())?,
                _ => slot.destroy().await?,
            }
        }
        let mut written = written.lock().unwrap_or_else(PoisonError::into_inner);
        written.extend(slots);
        Ok(())
    });
    under.await?;
    let written: Vec<Slot> = written.into_inner().unwrap_or_else(PoisonError::into_inner);
    for pause in [0, 200, 400, 700] {
        sleep(Duration::from_millis(pause)).await;
        let seen = try_join_all(written.iter().map(Slot::get)).await?;
        if seen.iter().flatten().any(|value| value == b"failed") {
            return Err(
                "expected a later write to remain, saw one that had failed before it".to_owned(),
            );
        }
    }
    Ok(())
}

/// Callers go on writing and reading while the backend fails and comes back.
async fn under_load_no_answer_is_wrong(cx: &Context) -> Finding {
    const CALLERS: usize = 24;
    for_each_fault(cx, async |broken| {
        let mut callers = Vec::new();
        for number in 0..CALLERS {
            callers.push(Caller::new(&broken, number).await?);
        }
        let calls = |caller: Caller| |load| caller.call(load);
        through_an_outage(
            &broken,
            Duration::from_millis(150),
            callers.into_iter().map(calls),
        )
        .await
    })
    .await
}

/// What callers who do not stop calling have in common.
#[derive(Default)]
pub(crate) struct Load {
    answered: AtomicUsize,
    broken: AtomicBool,
    over: AtomicBool,
}

impl Load {
    /// One more call was answered.
    pub(crate) fn count(&self) {
        self.answered.fetch_add(1, Ordering::Relaxed);
    }

    /// One more call failed, which none may before the fault.
    pub(crate) fn fail(&self) -> Finding {
        match self.broken.load(Ordering::Relaxed) {
            true => Ok(()),
            false => Err("expected an answer before the fault, saw an error".to_owned()),
        }
    }

    /// Whether the next call may be the last.
    pub(crate) fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }

    pub(crate) fn end(&self) {
        self.over.store(true, Ordering::Relaxed);
    }

    /// Waits until so many calls were answered, and breaks the backend under the others.
    pub(crate) async fn meets(&self, broken: &Broken, answered: usize) -> Finding {
        while self.answered.load(Ordering::Relaxed) < answered {
            sleep(Duration::from_millis(1)).await;
        }
        self.broken.store(true, Ordering::Relaxed);
        broken.cause().await
    }
}

/// Runs callers that go on until they were answered after the load is over, and meanwhile lets the fault
/// come and go.
async fn through_an_outage<C, F>(
    broken: &Broken,
    length: Duration,
    callers: impl ExactSizeIterator<Item = C>,
) -> Finding
where
    C: FnOnce(Arc<Load>) -> F,
    F: Future<Output = Finding> + Send + 'static,
{
    let load = Arc::new(Load::default());
    let some = 5 * callers.len();
    let callers = at_once(callers.map(|caller| caller(load.clone())).collect());
    let outage = async {
        load.meets(broken, some).await?;
        sleep(length).await;
        broken.heal().await?;
        load.end();
        Ok(())
    };
    let all = within(3 * broken.patience(), try_join(callers, outage)).await;
    all.ok_or("expected every caller to be answered after the fault, saw errors only")??;
    Ok(())
}

/// Somebody who writes and reads a record of its own, and knows what may be there.
struct Caller {
    broken: Broken,
    number: usize,
    slot: Slot,
    /// The last write that was acknowledged.
    kept: u32,
    /// Those that failed: each may have been carried out, now or later.
    failed: Vec<u32>,
}

impl Caller {
    async fn new(broken: &Broken, number: usize) -> Result<Self, String> {
        let caller = Self {
            slot: broken.slot(number)?,
            broken: broken.clone(),
            number,
            kept: 0,
            failed: Vec::new(),
        };
        caller.slot.set(caller.value(0).as_bytes(), LASTING).await?;
        Ok(caller)
    }

    async fn call(mut self, load: Arc<Load>) -> Finding {
        let (store, key) = (self.slot.store().clone(), self.slot.key().clone());
        for write in 1.. {
            let last = load.is_over();
            let value = self.value(write);
            let set = store.set(&key, value.as_bytes(), LASTING.into());
            let wrote = self.broken.answer(set).await.when("set")?;
            self.note(write, wrote.is_some());
            let read = self.broken.answer(store.get(&key)).await.when("get")?;
            if let Some(seen) = &read {
                self.check(seen.as_deref())?;
            }
            if wrote.is_some() && read.is_some() {
                load.count();
                if last {
                    break;
                }
            } else {
                load.fail()?;
            }
            sleep(Duration::from_millis(1)).await;
        }
        Ok(())
    }

    fn value(&self, write: u32) -> String {
        format!("{write} of caller {}", self.number)
    }

    fn note(&mut self, write: u32, acknowledged: bool) {
        if !acknowledged {
            self.failed.push(write);
            return;
        }
        self.kept = write;
        // What failed on a backend that is gone now comes no more.
        if self.broken.fault() == Fault::Down {
            self.failed.clear();
        }
    }

    fn check(&self, seen: Option<&[u8]>) -> Finding {
        let Some(seen) = seen else {
            return match self.broken.keeps() {
                true => Err("expected a record that was acknowledged, saw None".to_owned()),
                false => Ok(()),
            };
        };
        let mut allowed = [self.kept].into_iter().chain(self.failed.iter().copied());
        match allowed.any(|write| self.value(write).as_bytes() == seen) {
            true => Ok(()),
            false => Err(format!(
                "expected {:?}, or one of {} writes that failed, saw {}",
                self.value(self.kept),
                self.failed.len(),
                shown(seen)
            )),
        }
    }
}

/// However many callers ask for however long, the store tries to connect now and then: neither for each of
/// them, nor again as soon as it has failed.
async fn reconnecting_is_no_stampede(cx: &Context) -> Finding {
    const CALLERS: usize = 64;
    const CONNECTIONS: u32 = 4;
    /// At most one attempt in this time for each connection that the store may have.
    const BACK_OFF: Duration = Duration::from_millis(10);

    let setup = cx.setup().with_connections(CONNECTIONS);
    let backend = cx.open_breakable(setup).await?;
    let accepted = || backend.connections();
    if accepted().is_none() {
        let reason = "connections are not counted: add `Control::connections`";
        cx.remarks().inapplicable(reason);
        return Ok(());
    }
    backend
        .each_fault(async |broken| {
            let [record] = &broken.records(["record"]).await?;
            let (before, began) = (accepted(), Instant::now());
            if before == Some(0) {
                return Err("expected a connection to be counted, saw none".to_owned());
            }
            let callers = (0..CALLERS).map(|_| {
                let (broken, slot) = (broken.clone(), record.clone());
                |load| ask(broken, slot, load)
            });
            through_an_outage(&broken, Duration::from_millis(500), callers).await?;
            let made = accepted().zip(before).map(|(after, before)| after - before);
            let (made, took) = (made.unwrap_or_default(), began.elapsed());
            let turns = took.as_millis().div_ceil(BACK_OFF.as_millis());
            let allowed = u128::from(CONNECTIONS) * (turns + 1);
            if u128::from(made) > allowed {
                return Err(format!(
                    "expected at most {allowed} connections in {took:?} for {CALLERS} callers of a \
                     store that may have {CONNECTIONS}, saw {made}"
                ));
            }
            Ok(())
        })
        .await
}

async fn ask(broken: Broken, slot: Slot, load: Arc<Load>) -> Finding {
    loop {
        let last = load.is_over();
        match broken.answer(slot.store().get(slot.key())).await? {
            None => load.fail()?,
            Some(_) if last => return Ok(()),
            Some(_) => load.count(),
        }
        sleep(Duration::from_millis(5)).await;
    }
}
