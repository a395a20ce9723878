//! What a case works with.

use std::fmt::Display;
use std::future::Future;

use session_store_api::SessionKey;

use crate::Facts;
use crate::backend::Backend;
use crate::remarks::Remarks;
use crate::run::Run;
use crate::seed;
use crate::setup::Setup;
use crate::skew::Skew;
use crate::slot::Slot;
use crate::suite::{Breakable, Handle};

/// The longest name of a case, in bytes: its keys begin with it, and have room for as much again.
#[cfg(test)]
pub(crate) const MAX_CASE_NAME: usize = 80;

/// What a case works with: the store under test, its facts, keys that no other case has.
pub(crate) struct Context {
    run: Run,
    handle: Handle,
    /// Nobody else's keys begin so.
    prefix: String,
    seed: u64,
    remarks: Remarks,
}

impl Context {
    pub(crate) fn new(run: Run, handle: Handle, case: &str, remarks: Remarks) -> Self {
        let prefix = run.key_prefix(case);
        let seed = seed::derive(run.suite().seed_number(), case);
        Self {
            run,
            handle,
            prefix,
            seed,
            remarks,
        }
    }

    pub(crate) fn facts(&self) -> &Facts {
        self.run.suite().facts()
    }

    /// A key of this case alone, within 200 bytes for names of up to 100.
    pub(crate) fn key(&self, name: &str) -> SessionKey {
        SessionKey::new(format!("{}{name}", self.prefix))
            .expect("case names are short visible ASCII")
    }

    /// Such a key in the store under test, and what may be asked of it.
    pub(crate) fn slot(&self, name: impl Display) -> Slot {
        let key = self.key(&name.to_string());
        Slot::new(self.handle.clone(), key, self.facts().resolution)
    }

    /// The seed of this case's random choices. It follows from the suite's, which is printed with every
    /// failure.
    pub(crate) fn seed(&self) -> u64 {
        self.seed
    }

    /// The namespace of the store under test.
    pub(crate) fn setup(&self) -> Setup {
        self.run.setup()
    }

    /// A namespace that the store under test must not see.
    pub(crate) fn other_setup(&self) -> Setup {
        self.run.other_setup()
    }

    /// Opens another store, on whichever runtime the future is polled.
    pub(crate) fn open(
        &self,
        setup: Setup,
    ) -> impl Future<Output = Result<Handle, String>> + Send + use<> {
        let suite = self.run.suite().clone();
        async move { suite.open(setup).await }
    }

    /// Opens the store under test again, under another clock or time zone.
    pub(crate) async fn open_skewed(&self, skew: Skew) -> Result<Handle, String> {
        self.run.suite().open_skewed(self.setup(), skew).await
    }

    /// Opens a store on a backend of its own, with power over it, on whichever runtime the future is
    /// polled.
    pub(crate) fn open_breakable(
        &self,
        setup: Setup,
    ) -> impl Future<Output = Result<Backend, String>> + Send + use<> {
        let (suite, remarks) = (self.run.suite().clone(), self.remarks.clone());
        let slot = self.slot("");
        async move {
            let Breakable { handle, control } = suite.open_breakable(setup).await?;
            let faults: Vec<_> = control.faults().iter().map(|f| format!("{f:?}")).collect();
            remarks.note(format!("under {}", faults.join(" ")));
            Ok(Backend::new(
                slot.on(&handle),
                control,
                suite.facts().clone(),
            ))
        }
    }

    /// What the case says beside its finding.
    pub(crate) fn remarks(&self) -> &Remarks {
        &self.remarks
    }
}
