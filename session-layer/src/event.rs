//! What the layer tells the log. Never an id, a name or a value.

const TARGET: &str = "session_layer";

/// The cookie opened, but the store has nothing under its id.
pub(crate) fn missed() {
    tracing::info!(target: TARGET, event = "missed", "the presented session is not in the store");
}

/// The record's own `_expire` has passed.
pub(crate) fn expired() {
    tracing::info!(target: TARGET, event = "expired", "the presented session has expired");
}

/// The cookie was not sealed by us.
pub(crate) fn invalid_cookie() {
    tracing::info!(target: TARGET, event = "invalid", "the presented cookie does not open");
}

/// The store holds something else under the id.
pub(crate) fn invalid_record() {
    tracing::warn!(target: TARGET, event = "invalid", "the presented session's record does not decode");
}

/// The session ended elsewhere while a request worked on it.
pub(crate) fn conflict() {
    tracing::warn!(
        target: TARGET,
        event = "conflict",
        "the session was destroyed elsewhere; this request's changes are dropped"
    );
}
