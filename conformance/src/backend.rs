//! A store on a backend that a case may break.

use std::fmt::Display;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use session_store_api::{Error, Result as Answer, SessionStore};
use tokio::time::sleep;

use crate::case::Finding;
use crate::context::Context;
use crate::control::{Control, Fault};
use crate::facts::Facts;
use crate::slot::{LASTING, Slot, When, shown, unexpected};
use crate::tasks::within;

/// A store on a backend of its own, and power over that backend. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Backend {
    slot: Slot,
    control: Arc<dyn Control>,
    facts: Facts,
}

/// The same, and one fault that it can have. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Broken {
    backend: Backend,
    fault: Fault,
}

/// Runs `case` with each fault that the control can cause, one after the other on one backend.
pub(crate) async fn for_each_fault<F>(cx: &Context, case: impl Fn(Broken) -> F) -> Finding
where
    F: Future<Output = Finding>,
{
    let backend = cx.open_breakable(cx.setup()).await?;
    backend.each_fault(case).await
}

impl Backend {
    /// Every key of the store begins like that of `slot`.
    pub(crate) fn new(slot: Slot, control: Arc<dyn Control>, facts: Facts) -> Self {
        Self {
            slot,
            control,
            facts,
        }
    }

    /// The same as the function of nearly this name, for a case that goes on after the last fault.
    pub(crate) async fn each_fault<F>(&self, case: impl Fn(Broken) -> F) -> Finding
    where
        F: Future<Output = Finding>,
    {
        let faults = self.control.faults();
        if faults.is_empty() {
            return Err("expected the control to offer a fault, saw none".to_owned());
        }
        for &fault in faults {
            let broken = Broken {
                backend: self.clone(),
                fault,
            };
            case(broken).await.when(format_args!("{fault:?}"))?;
        }
        Ok(())
    }

    /// How many connections the backend has accepted so far, if the control counts them.
    pub(crate) fn connections(&self) -> Option<u64> {
        self.control.connections()
    }

    /// How long a call may take that the store must answer within its timeout: a busy machine gets more.
    pub(crate) fn patience(&self) -> Duration {
        self.facts.timeout + self.facts.timeout / 2 + Duration::from_secs(2)
    }

    fn slot(&self, name: impl Display) -> Result<Slot, String> {
        let key = format!("{}{name}", self.slot.key().as_str());
        let key = key
            .parse()
            .map_err(|_| "expected a short name".to_owned())?;
        Ok(self.slot.at(key))
    }
}

impl Broken {
    pub(crate) fn fault(&self) -> Fault {
        self.fault
    }

    /// A key of this store that no other fault has.
    pub(crate) fn slot(&self, name: impl Display) -> Result<Slot, String> {
        self.backend.slot(format_args!("{:?}-{name}", self.fault))
    }

    /// Many of them.
    pub(crate) fn slots(&self, name: &str, count: usize) -> Result<Vec<Slot>, String> {
        let slot = |number| self.slot(format_args!("{name}-{number}"));
        (0..count).map(slot).collect()
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

    /// Breaks the backend.
    pub(crate) async fn cause(&self) -> Finding {
        let caused = self.backend.control.cause(self.fault).await;
        caused.map_err(|error| format!("the control could not cause {:?}: {error}", self.fault))
    }

    /// Mends the backend, and gives the store its timeout to notice.
    pub(crate) async fn heal(&self) -> Finding {
        let healed = self.backend.control.heal().await;
        healed.map_err(|error| format!("the control could not heal: {error}"))?;
        self.recovers().await
    }

    /// Expects answers again. Calls that the fault had met may still fail, and the store may wait after
    /// each of them before it connects again.
    pub(crate) async fn recovers(&self) -> Finding {
        let (slot, mut last) = (self.slot("")?, None);
        let recovery = async {
            while let Err(error) = slot.store().get(slot.key()).await {
                last = Some(error);
                sleep(Duration::from_millis(20)).await;
            }
        };
        if within(self.backend.patience(), recovery).await.is_some() {
            return Ok(());
        }
        Err(match last {
            Some(error) => unexpected("get, long after the fault was healed", &error),
            None => "expected an answer after the fault was healed, saw none".to_owned(),
        })
    }

    pub(crate) fn patience(&self) -> Duration {
        self.backend.patience()
    }

    /// Whether no call that begins during the fault can have an answer.
    pub(crate) fn is_total(&self) -> bool {
        matches!(self.fault, Fault::Down | Fault::Closed | Fault::Refusing)
    }

    /// Whether a record that was acknowledged must be there after this fault.
    pub(crate) fn keeps(&self) -> bool {
        self.backend.facts.durable || self.fault != Fault::Down
    }

    /// Expects an answer in time, and if it is an error, one that the fault may cause. `None` for an
    /// error.
    pub(crate) async fn answer<T>(
        &self,
        call: impl Future<Output = Answer<T>>,
    ) -> Result<Option<T>, String> {
        let patience = self.patience();
        match within(patience, call).await {
            None => Err(format!(
                "expected an answer within {:?}, saw none within {patience:?}",
                self.backend.facts.timeout
            )),
            Some(Ok(answer)) => Ok(Some(answer)),
            Some(Err(error)) if self.may_be(&error) => Ok(None),
            Some(Err(error)) => Err(format!(
                "expected Unavailable or Timeout, saw {:?}: {error}",
                error.kind()
            )),
        }
    }

    /// Expects what a read of a live record may answer during the fault: one of these, or an error.
    pub(crate) async fn reads(&self, slot: &Slot, allowed: &[&[u8]]) -> Finding {
        match self.answer(slot.store().get(slot.key())).await? {
            None => Ok(()),
            Some(Some(seen)) if allowed.contains(&&*seen) => Ok(()),
            Some(Some(seen)) => Err(format!("expected an error, saw {}", shown(&seen))),
            Some(None) => Err("expected an error for a live record, saw None".to_owned()),
        }
    }

    /// Whether the fault may be reported so. What half an answer or none of the protocol looks like to a
    /// client, nobody can say.
    fn may_be(&self, error: &Error) -> bool {
        match self.fault {
            Fault::Down | Fault::Closed | Fault::Hung | Fault::Unheard | Fault::Refusing => {
                error.kind().is_transient()
            }
            Fault::Cut | Fault::Garbled => true,
        }
    }
}
