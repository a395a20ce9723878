//! What the log is told.

use std::cell::RefCell;
use std::fmt;
use std::sync::Once;
use std::time::Duration;

use session_store_api::ErrorKind;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use crate::app::{app, atomic};
use crate::client::Client;
use crate::probe::Probe;

/// What this thread logs, until dropped.
pub(crate) struct Events(());

#[derive(Default)]
struct Lines {
    events: Vec<String>,
    text: String,
}

thread_local! {
    static LINES: RefCell<Option<Lines>> = const { RefCell::new(None) };
}

impl Events {
    pub(crate) fn record() -> Self {
        // One subscriber for all threads: a default per thread loses events when several threads meet
        // the same line of code for the first time.
        static INSTALL: Once = Once::new();
        INSTALL.call_once(|| {
            tracing::subscriber::set_global_default(Log).unwrap();
            tracing::callsite::rebuild_interest_cache();
        });
        LINES.set(Some(Lines::default()));
        Self(())
    }

    /// The field `event` of all since the last time.
    pub(crate) fn take(&self) -> Vec<String> {
        LINES.with_borrow_mut(|lines| std::mem::take(&mut lines.as_mut().unwrap().events))
    }

    /// Everything, as text.
    pub(crate) fn text(&self) -> String {
        LINES.with_borrow(|lines| lines.as_ref().unwrap().text.clone())
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        LINES.set(None);
    }
}

struct Log;

impl Visit for Lines {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "event" {
            self.events.push(value.to_owned());
        }
        self.record_debug(field, &value);
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        self.record_debug(field, &value);
        if let Some(source) = value.source() {
            self.record_error(field, source);
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.text += &format!("{field}={value:?} ");
    }
}

impl Subscriber for Log {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        LINES.with_borrow_mut(|lines| {
            if let Some(lines) = lines {
                event.record(lines);
            }
        });
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[tokio::test]
async fn each_way_to_a_new_session_has_its_event_and_none_names_the_session() {
    let (store, events) = (Probe::new(), Events::record());
    let mut client = Client::new(&app(atomic(&store).log_value(false)));
    client.get("/get/a").await;
    client.get("/insert/name/topsecret").await;
    client.get("/get/name").await;
    assert!(events.take().is_empty());

    let minute = Duration::from_secs(60);
    store
        .put(&client.id(), br#"{"name":"topsecret","_expire":1}"#, minute)
        .await;
    client.peek("/get/a").await;
    assert_eq!(events.take(), ["expired"]);
    store.put(&client.id(), b"topsecret", minute).await;
    client.peek("/get/a").await;
    assert_eq!(events.take(), ["invalid"]);
    store.wipe(&client.id()).await;
    client.peek("/get/a").await;
    assert_eq!(events.take(), ["missed"]);
    let id = client.id();
    client.set_cookie(format!("{}.AAAA", id.as_str()));
    client.peek("/get/a").await;
    assert_eq!(events.take(), ["invalid"]);

    client.get("/insert/name/topsecret").await;
    store.refuse("all", ErrorKind::Unavailable);
    for path in ["/get/name", "/destroy"] {
        client.peek(path).await;
    }
    let text = events.text();
    assert!(text.contains("told to fail"), "the cause is logged: {text}");
    for secret in [
        "topsecret",
        id.as_str(),
        client.id().as_str(),
        client.cookie(),
    ] {
        assert!(!text.contains(secret), "{text}");
    }
}
