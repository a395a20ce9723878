//! Session ids: the prefix and 144 random bits.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use session_store_api::SessionKey;

use crate::{Error, ErrorKind, Result};

/// 18 bytes are 24 characters, with no bit left over.
const RANDOM_BYTES: usize = 18;
const RANDOM_CHARS: usize = 24;

/// What Node makes: a UUID, with hyphens here.
const UUID_CHARS: usize = 36;
const UUID_HYPHENS: [usize; 4] = [8, 13, 18, 23];

/// The longest prefix that leaves room for what follows, a UUID too.
pub(crate) const MAX_PREFIX: usize = SessionKey::MAX_LEN - UUID_CHARS;

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

/// The id in `text` if it has the form of ours or of Node's; no store sees anything else.
pub(crate) fn recognise(prefix: &str, text: &str) -> Option<SessionKey> {
    let random = text.strip_prefix(prefix)?.as_bytes();
    (is_ours(random) || is_uuid(random)).then(|| SessionKey::new(text).ok())?
}

/// The id in `text` if it can be one that `genid` made.
pub(crate) fn recognise_any(text: &str) -> Option<SessionKey> {
    fits_a_cookie(text).then(|| SessionKey::new(text).ok())?
}

/// Whether `text` can stand in a cookie as it is.
pub(crate) fn fits_a_cookie(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_graphic() && !b"\",;\\".contains(&byte);
    text.bytes().all(fits)
}

fn is_ours(random: &[u8]) -> bool {
    let is_base64 = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    random.len() == RANDOM_CHARS && random.iter().all(is_base64)
}

fn is_uuid(text: &[u8]) -> bool {
    let fits = |(at, byte): (usize, &u8)| {
        if UUID_HYPHENS.contains(&at) {
            *byte == b'-'
        } else {
            byte.is_ascii_hexdigit()
        }
    };
    text.len() == UUID_CHARS && text.iter().enumerate().all(fits)
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

    #[test]
    fn nodes_ids_are_recognised() {
        let uuid = "3f2a0c1e-8f6b-4f0e-9d39-5a4c7a1b2c3d";
        assert!(recognise("", uuid).is_some());
        assert!(recognise("sess:", &format!("sess:{uuid}")).is_some());
        assert!(recognise("", &uuid.replace('-', "_")).is_none());
        assert!(recognise("", &uuid.replace('f', "g")).is_none());
        assert!(recognise("", &uuid[1..]).is_none());
    }

    #[test]
    fn an_id_of_another_make_is_a_key_that_fits_a_cookie() {
        assert!(recognise_any("1700000000_suffix").is_some());
        for text in ["", "two words", "a;b", "a\"b", "é", &"k".repeat(201)] {
            assert!(recognise_any(text).is_none());
        }
    }
}
