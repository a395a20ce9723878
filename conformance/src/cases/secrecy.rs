//! C15: nobody learns a key or a value from what the store shows.

use std::error::Error as _;
use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use session_store_api::{AtomicSessionStore, Condition, Error, SessionKey, SessionStore};

use crate::backend::Broken;
use crate::case::{Case, Finding, Needs};
use crate::cases::logs::overheard;
use crate::context::Context;
use crate::random::Random;
use crate::slot::{LASTING, Slot};
use crate::tasks::within;

pub(crate) const CASES: &[Case] = &[
    Case::new("c15_debug_shows_neither_key_nor_value", |cx| {
        Box::pin(debug_shows_neither_key_nor_value(cx))
    }),
    Case::new("c15_refusals_show_neither_key_nor_value", |cx| {
        Box::pin(refusals_show_neither_key_nor_value(cx))
    })
    .needs(&[Needs::Limit]),
    Case::new("c15_faults_show_neither_key_nor_value", |cx| {
        Box::pin(faults_show_neither_key_nor_value(cx))
    })
    .needs(&[Needs::Control]),
];

/// A key and a value that are easily found again.
pub(crate) struct Secrets {
    key: String,
    value: String,
}

impl Secrets {
    pub(crate) fn new(random: &mut Random) -> Self {
        Self {
            key: format!("Ks{:016x}", random.number()),
            value: format!("Vs{:016x}", random.number()),
        }
    }

    /// A key that consists of the secret, so that a part of it shows too.
    pub(crate) fn key(&self) -> Result<SessionKey, String> {
        SessionKey::new(self.key.repeat(3)).map_err(|error| error.to_string())
    }

    /// A value of this many bytes that consists of the secret, or begins so if it is large.
    pub(crate) fn value(&self, len: usize) -> Vec<u8> {
        let mut value = vec![0; len];
        let secret = self.value.bytes().cycle();
        value
            .iter_mut()
            .zip(secret)
            .take(2_000)
            .for_each(|(byte, secret)| *byte = secret);
        value
    }

    /// Expects neither secret in `text`, in any of the ways in which bytes are printed.
    pub(crate) fn are_not_in(&self, text: &str, what: &str) -> Finding {
        for (name, secret) in [("the key", &self.key), ("the value", &self.value)] {
            let bytes = secret.as_bytes();
            let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            let numbers: Vec<_> = bytes.iter().map(u8::to_string).collect();
            let lines: Vec<_> = numbers.iter().map(|number| format!("{number},")).collect();
            let shown = [
                text.contains(secret),
                text.to_lowercase().contains(&hex),
                text.contains(&numbers.join(", ")),
                text.split_whitespace()
                    .collect::<Vec<_>>()
                    .windows(lines.len())
                    .any(|w| w == lines),
            ];
            if shown.contains(&true) {
                return Err(format!("expected {what} to show no secret, saw {name}"));
            }
        }
        Ok(())
    }

    fn are_not_shown_by(&self, value: &impl Debug, what: &str) -> Finding {
        self.are_not_in(&format!("{value:?}"), what)?;
        self.are_not_in(&format!("{value:#?}"), what)
    }

    /// Expects neither secret in an error or in anything that caused it.
    fn are_not_told_by(&self, error: &Error, what: &str) -> Finding {
        self.are_not_shown_by(error, what)?;
        self.are_not_in(&format!("{error} {error:#}"), what)?;
        let mut cause = error.source();
        while let Some(error) = cause {
            self.are_not_shown_by(&error, what)?;
            self.are_not_in(&format!("{error} {error:#}"), what)?;
            cause = error.source();
        }
        Ok(())
    }
}

async fn debug_shows_neither_key_nor_value(cx: &Context) -> Finding {
    let secrets = Secrets::new(&mut Random::new(cx.seed()));
    // A store of its own, so that what it remembers are these records.
    let handle = cx.open(cx.setup().beyond("_debug")).await?;
    let slot = cx.slot("").on(&handle).at(secrets.key()?);
    slot.set(&secrets.value(500), LASTING).await?;
    slot.holds(&secrets.value(500)).await?;
    let (plain, pointer) = (&handle.plain, &*handle.plain);
    secrets.are_not_shown_by(plain, "Debug of the store")?;
    secrets.are_not_shown_by(&pointer, "Debug of the store")?;
    secrets.are_not_shown_by(&slot.key(), "Debug of a key")?;
    if let Some(atomic) = &handle.atomic {
        let value = secrets.value(500);
        secrets.are_not_shown_by(atomic, "Debug of the atomic store")?;
        secrets.are_not_shown_by(&Condition::Unchanged(&value), "Debug of a condition")?;
    }
    // Also while a call is under way.
    let value = secrets.value(400);
    let during = async {
        tokio::task::yield_now().await;
        secrets.are_not_shown_by(plain, "Debug of the store during a call")
    };
    let (set, shown) = tokio::join!(slot.set(&value, LASTING), during);
    set?;
    shown?;
    slot.holds(&secrets.value(400)).await?;
    secrets.are_not_shown_by(plain, "Debug of the store")?;
    slot.destroy().await
}

async fn refusals_show_neither_key_nor_value(cx: &Context) -> Finding {
    let secrets = Secrets::new(&mut Random::new(cx.seed()));
    let limit = cx.facts().max_value.ok_or("no limit is declared")?;
    let slot = cx.slot("").at(secrets.key()?);
    let large = secrets.value(limit + 1);
    match slot.store().set(slot.key(), &large, LASTING.into()).await {
        Err(error) => secrets.are_not_told_by(&error, "the error of a large value")?,
        Ok(()) => return Err("expected TooLarge, saw Ok".to_owned()),
    }
    if let Ok(atomic) = slot.atomic() {
        let set_if = atomic.set_if(slot.key(), Condition::Absent, &large, LASTING.into());
        match set_if.await {
            Err(error) => secrets.are_not_told_by(&error, "the error of a large value")?,
            Ok(wrote) => return Err(format!("expected TooLarge, saw {wrote}")),
        }
    }
    // The store works, so it was this value that was refused.
    slot.set(&secrets.value(1_000.min(limit)), LASTING).await?;
    slot.holds(&secrets.value(1_000.min(limit))).await?;
    slot.destroy().await
}

async fn faults_show_neither_key_nor_value(cx: &Context) -> Finding {
    let opening = cx.open_breakable(cx.setup());
    let secrets = Arc::new(Secrets::new(&mut Random::new(cx.seed())));
    let (told, errors) = (secrets.clone(), Arc::new(AtomicUsize::new(0)));
    let counted = errors.clone();
    let log = overheard(async move {
        let (secrets, errors) = (&*told, &*counted);
        let backend = opening.await?;
        backend
            .each_fault(async |broken| {
                let slot = broken.slot("")?.at(secrets.key()?);
                slot.set(&secrets.value(500), LASTING).await?;
                broken.cause().await?;
                for error in errors_of(&broken, &slot, secrets).await? {
                    secrets.are_not_told_by(&error, "an error")?;
                    errors.fetch_add(1, Ordering::Relaxed);
                }
                secrets.are_not_shown_by(slot.store(), "Debug of the store")?;
                broken.heal().await
            })
            .await
    })
    .await?;
    secrets.are_not_in(&log, "the log")?;
    match errors.load(Ordering::Relaxed) {
        0 => Err("expected a fault to cause an error, saw none".to_owned()),
        _ => Ok(()),
    }
}

/// What every verb answers now, if it is an error.
async fn errors_of(broken: &Broken, slot: &Slot, secrets: &Secrets) -> Result<Vec<Error>, String> {
    let (store, key, value) = (slot.store(), slot.key(), secrets.value(300));
    let atomic = async {
        let Ok(store) = slot.atomic() else {
            return [None, None];
        };
        let (set_if, touch) = tokio::join!(
            store.set_if(key, Condition::Unchanged(&value), &value, LASTING.into()),
            store.touch(key, LASTING.into()),
        );
        [set_if.err(), touch.err()]
    };
    let calls = async {
        tokio::join!(
            store.get(key),
            store.set(key, &value, LASTING.into()),
            store.destroy(key),
            atomic,
        )
    };
    let patience = broken.patience();
    let answers = within(patience, calls).await;
    let (get, set, destroy, [set_if, touch]) =
        answers.ok_or_else(|| format!("expected answers, saw none within {patience:?}"))?;
    let errors = [get.err(), set.err(), destroy.err(), set_if, touch];
    Ok(errors.into_iter().flatten().collect())
}
