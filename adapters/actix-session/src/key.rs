//! Session keys: theirs and ours.

use std::fmt::Write;

use actix_session::storage::SessionKey as TheirKey;
use anyhow::Result;
use session_store_api::SessionKey;

/// Bytes of chance in a new key, twice what OWASP asks for.
const CHANCE: usize = 32;

/// A new key that nobody can guess: 64 hexadecimal digits.
pub(crate) fn new() -> Result<(TheirKey, SessionKey)> {
    let mut bytes = [0; CHANCE];
    getrandom::fill(&mut bytes)?;
    let mut text = String::with_capacity(2 * CHANCE);
    for byte in bytes {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    let ours = SessionKey::new(text.as_str())?;
    Ok((text.try_into()?, ours))
}

/// Their key as ours; nothing if it is none that was ever given out here: theirs may have 4064 bytes.
pub(crate) fn ours(theirs: &TheirKey) -> Option<SessionKey> {
    SessionKey::new(theirs.as_ref()).ok()
}
