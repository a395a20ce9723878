//! Session ids: the prefix and 144 random bits.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use session_store_api::SessionKey;

use crate::{Error, ErrorKind, Result};

/// 18 bytes are 24 characters, with no bit left over.
const RANDOM_BYTES: usize = 18;
const RANDOM_CHARS: usize = 24;

/// The longest prefix that leaves room for the random part.
pub(crate) const MAX_PREFIX: usize = SessionKey::MAX_LEN - RANDOM_CHARS;

/// A new id from the operating system's random bits.
pub(crate) fn generate(prefix: &str) -> Result<SessionKey> {
    let mut random = [0; RANDOM_BYTES];
    getrandom::fill(&mut random).map_err(|e| {
        Error::new(ErrorKind::Random, "no random bytes for a session id").with_source(e)
    })?;
    let id = format!("{prefix}{}", URL_SAFE_NO_PAD.encode(random));
    SessionKey::new(id)
        .map_err(|e| Error::new(ErrorKind::Store, "the session id is no key").with_source(e))
}

/// The id in `text` if it has the form of ours; no store sees anything else.
pub(crate) fn recognise(prefix: &str, text: &str) -> Option<SessionKey> {
    let random = text.strip_prefix(prefix)?;
    let ours = random.len() == RANDOM_CHARS
        && random
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    ours.then(|| SessionKey::new(text).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_recognised_with_its_own_prefix_and_length_only() {
        let id = generate("app:").unwrap();
        assert_eq!(id.as_str().len(), 4 + RANDOM_CHARS);
        assert_eq!(recognise("app:", id.as_str()).as_ref(), Some(&id));
        assert_eq!(recognise("", id.as_str()), None);
        assert_eq!(recognise("other:", id.as_str()), None);
        assert_eq!(recognise("app:", &id.as_str()[..27]), None);
        assert_eq!(recognise("app:", &format!("{}a", id.as_str())), None);
        assert_eq!(recognise("", "AAAAAAAAAAAAAAAAAAAAAAA*"), None);
        assert_eq!(recognise("", "AAAAAAAAAAAAAAAAAAAAAAé"), None);
    }
}
