//! C15: what a store writes into the log.

use std::fmt::{self, Debug, Write};
use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use session_store_api::Condition;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber, subscriber};

use crate::case::{Case, Finding};
use crate::cases::runtimes::current_thread;
use crate::cases::secrecy::Secrets;
use crate::context::Context;
use crate::random::Random;
use crate::slot::{LASTING, Slot};
use crate::tasks::on_thread;

pub(crate) const CASES: &[Case] = &[Case::new("c15_logs_show_neither_key_nor_value", |cx| {
    Box::pin(logs_show_neither_key_nor_value(cx))
})];

async fn logs_show_neither_key_nor_value(cx: &Context) -> Finding {
    let secrets = Secrets::new(&mut Random::new(cx.seed()));
    let (opening, slot) = (cx.open(cx.setup().beyond("_logs")), cx.slot(""));
    let limit = cx.facts().max_value;
    let secrets = Arc::new(secrets);
    let told = secrets.clone();
    let log = overheard(async move {
        let slot = slot.on(&opening.await?).at(told.key()?);
        do_everything(&slot, &told, limit).await
    });
    secrets.are_not_in(&log.await?, "the log")
}

/// Everything that is logged during `work`, at every level. It runs on a thread of its own, so that what
/// the store does is heard and nothing else.
pub(crate) async fn overheard(
    work: impl Future<Output = Finding> + Send + 'static,
) -> Result<String, String> {
    on_thread(move || {
        let log = Log::default();
        let runtime = current_thread().map_err(|error| format!("no runtime: {error}"))?;
        subscriber::with_default(log.clone(), || runtime.block_on(work))?;
        Ok(log.text())
    })
    .await
}

/// Whatever a store may have something to say about.
async fn do_everything(slot: &Slot, secrets: &Secrets, limit: Option<usize>) -> Finding {
    let (value, other) = (secrets.value(300), secrets.value(200));
    slot.is_gone().await?;
    slot.set(&value, LASTING).await?;
    slot.holds(&value).await?;
    if slot.atomic().is_ok() {
        slot.refuses_if(Condition::Absent, &other).await?;
        slot.writes_if(Condition::Unchanged(&value), &other, LASTING)
            .await?;
        slot.is_touched(LASTING).await?;
        slot.holds(&other).await?;
    }
    if let Some(limit) = limit {
        let large = secrets.value(limit + 1);
        if slot
            .store()
            .set(slot.key(), &large, LASTING.into())
            .await
            .is_ok()
        {
            return Err("expected TooLarge, saw Ok".to_owned());
        }
    }
    slot.expires(&value).await?;
    slot.is_gone().await?;
    slot.destroy().await
}

/// Remembers everything that is logged with `tracing`, at every level, as text.
#[derive(Clone, Default)]
struct Log {
    text: Arc<Mutex<String>>,
    spans: Arc<AtomicU64>,
}

impl Log {
    fn text(&self) -> String {
        self.lines(|text| text.clone())
    }

    fn lines<T>(&self, with: impl FnOnce(&mut String) -> T) -> T {
        with(&mut self.text.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Subscriber for Log {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        self.lines(|text| span.record(&mut Fields(text)));
        Id::from_u64(1 + self.spans.fetch_add(1, Ordering::Relaxed))
    }

    fn record(&self, _: &Id, values: &Record<'_>) {
        self.lines(|text| values.record(&mut Fields(text)));
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        self.lines(|text| event.record(&mut Fields(text)));
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

/// Writes fields one by one.
struct Fields<'a>(&'a mut String);

impl Visit for Fields<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.line(field, format_args!("{value}"));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.line(field, format_args!("{value:?}"));
    }
}

impl Fields<'_> {
    fn line(&mut self, field: &Field, value: fmt::Arguments<'_>) {
        writeln!(self.0, "{field} {value}").expect("a String takes everything");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_heard() {
        let log = Log::default();
        subscriber::with_default(log.clone(), || {
            let span = tracing::trace_span!("get", key = "k1", later = tracing::field::Empty);
            span.record("later", "k2");
            let _inside = span.enter();
            tracing::trace!(value = ?b"v", "message {}", "k3");
        });
        let text = log.text();
        for heard in ["k1", "k2", "[118]", "message k3"] {
            assert!(text.contains(heard), "{heard} in {text}");
        }
    }
}
