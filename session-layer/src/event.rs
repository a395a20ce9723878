//! What the layer tells the log and whoever listens.

use std::fmt;

use http::request::Parts;
use serde_json::{Map, Value};
use session_store_api::SessionKey;
use sha2::{Digest, Sha256};

use crate::session::Shared;

const TARGET: &str = "session_layer";

/// Something that happened to a session, for
/// [`SessionLayerBuilder::on_event`](crate::SessionLayerBuilder::on_event).
pub struct SessionEvent<'a> {
    kind: SessionEventKind,
    key: Option<&'a SessionKey>,
    values: Option<&'a Map<String, Value>>,
    request: Option<&'a Parts>,
}

impl SessionEvent<'_> {
    /// What happened.
    #[must_use]
    pub fn kind(&self) -> SessionEventKind {
        self.kind
    }

    /// The id of the session in the store. None in cookie mode, and where the cookie did not open.
    #[must_use]
    pub fn key(&self) -> Option<&SessionKey> {
        self.key
    }

    /// The session's values, where it was read before it was refused.
    #[must_use]
    pub fn values(&self) -> Option<&Map<String, Value>> {
        self.values
    }

    /// The head of the request.
    #[must_use]
    pub fn request(&self) -> Option<&Parts> {
        self.request
    }
}

impl fmt::Debug for SessionEvent<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionEvent")
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}

/// What happened to a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SessionEventKind {
    /// An id was presented, and the store has nothing under it.
    Missed,
    /// The session's own `_expire` has passed.
    Expired,
    /// The cookie does not open, the record does not decode, or `valid` refused it.
    Invalid,
    /// The session ended elsewhere while this request worked on it; this request's changes are dropped.
    Conflict,
    /// The session is too large for the cookie it lives in.
    Oversize,
}

impl SessionEventKind {
    /// The name in the log.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Missed => "missed",
            Self::Expired => "expired",
            Self::Invalid => "invalid",
            Self::Conflict => "conflict",
            Self::Oversize => "oversize",
        }
    }
}

/// Tells the log and the listener. The log has a fingerprint in place of the id, and the values only if
/// `log_value` says so.
pub(crate) fn tell(
    shared: &Shared,
    kind: SessionEventKind,
    key: Option<&SessionKey>,
    values: Option<&Map<String, Value>>,
) {
    log(kind, key, values.filter(|_| shared.config.log_value));
    if let Some(listener) = &shared.config.hooks.on_event {
        listener(&SessionEvent {
            kind,
            key,
            values,
            request: shared.head.as_deref(),
        });
    }
}

fn log(kind: SessionEventKind, key: Option<&SessionKey>, values: Option<&Map<String, Value>>) {
    let event = kind.as_str();
    let key = key.map(fingerprint);
    let key = key.as_deref();
    let value = || values.and_then(|values| serde_json::to_string(values).ok());
    match kind {
        SessionEventKind::Missed => {
            tracing::info!(target: TARGET, event, key, "the presented session is not in the store");
        }
        SessionEventKind::Expired => {
            tracing::info!(target: TARGET, event, key, value = value(), "the presented session has expired");
        }
        SessionEventKind::Invalid => {
            tracing::info!(target: TARGET, event, key, value = value(), "the presented session is none of ours");
        }
        SessionEventKind::Conflict => tracing::warn!(
            target: TARGET,
            event,
            key,
            "the session was ended elsewhere; this request's changes are dropped"
        ),
        SessionEventKind::Oversize => {
            tracing::error!(target: TARGET, event, "the session is too large for its cookie");
        }
    }
}

/// Enough of a hash to tell ids in a log apart, and no way back to one.
fn fingerprint(key: &SessionKey) -> String {
    let hash = Sha256::digest(key.as_bytes());
    hash[..4].iter().map(|byte| format!("{byte:02x}")).collect()
}
