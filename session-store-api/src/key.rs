//! The name of a session, checked once at the edge.

use std::error::Error;
use std::fmt;
use std::str::FromStr;

/// The name under which a session is kept: 1 to 200 bytes of visible ASCII (`0x21..=0x7E`).
///
/// Checked when it is made, so no store has to, and no store can be injected through it: there is no
/// space, line end, NUL or non-ASCII byte in it. 200 bytes leave 50 of memcached's 250 for a prefix.
///
/// Whoever knows a key has the session, so `Debug` does not show it and there is no `Display`; use
/// [`as_str`](Self::as_str).
///
/// ```
/// use session_store_api::SessionKey;
///
/// let key: SessionKey = "3f2a0c".parse()?;
/// assert_eq!(key.as_str(), "3f2a0c");
/// assert_eq!(format!("{key:?}"), "SessionKey(..)");
/// assert_eq!(
///     SessionKey::new("two words").unwrap_err().to_string(),
///     "a session key holds only visible ASCII (0x21 to 0x7E), but byte 3 is 0x20",
/// );
/// # Ok::<(), session_store_api::InvalidSessionKey>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionKey(Box<str>);

impl SessionKey {
    /// The longest key, in bytes.
    pub const MAX_LEN: usize = 200;

    /// Checks `key` and takes it.
    ///
    /// # Errors
    ///
    /// [`InvalidSessionKey`] if it is empty, longer than [`MAX_LEN`](Self::MAX_LEN), or has a byte that
    /// is not visible ASCII.
    pub fn new(key: impl Into<Box<str>>) -> Result<Self, InvalidSessionKey> {
        let key = key.into();
        if key.is_empty() {
            return Err(InvalidSessionKey(Reason::Empty));
        }
        if key.len() > Self::MAX_LEN {
            return Err(InvalidSessionKey(Reason::TooLong(key.len())));
        }
        match key.bytes().position(|byte| !byte.is_ascii_graphic()) {
            Some(at) => Err(InvalidSessionKey(Reason::Byte {
                at,
                byte: key.as_bytes()[at],
            })),
            None => Ok(Self(key)),
        }
    }

    /// The key as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The key as bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for SessionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionKey(..)")
    }
}

impl FromStr for SessionKey {
    type Err = InvalidSessionKey;

    fn from_str(key: &str) -> Result<Self, Self::Err> {
        Self::new(key)
    }
}

impl TryFrom<&str> for SessionKey {
    type Error = InvalidSessionKey;

    fn try_from(key: &str) -> Result<Self, Self::Error> {
        Self::new(key)
    }
}

impl TryFrom<String> for SessionKey {
    type Error = InvalidSessionKey;

    fn try_from(key: String) -> Result<Self, Self::Error> {
        Self::new(key)
    }
}

/// Why a text is no [`SessionKey`]. Says what is wrong and where, without showing the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidSessionKey(Reason);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Reason {
    Empty,
    TooLong(usize),
    Byte { at: usize, byte: u8 },
}

impl fmt::Display for InvalidSessionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Reason::Empty => {
                f.write_str("a session key has at least 1 byte, but this one is empty")
            }
            Reason::TooLong(len) => write!(
                f,
                "a session key has at most {} bytes, but this one has {len}",
                SessionKey::MAX_LEN
            ),
            Reason::Byte { at, byte } => write!(
                f,
                "a session key holds only visible ASCII (0x21 to 0x7E), but byte {at} is 0x{byte:02X}"
            ),
        }
    }
}

impl Error for InvalidSessionKey {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_visible_ascii_byte_is_allowed_and_no_other_char() {
        for char in (0..=0x2FF).filter_map(char::from_u32) {
            let key = SessionKey::new(char.to_string());
            assert_eq!(
                key.is_ok(),
                ('!'..='~').contains(&char),
                "U+{:04X}",
                char as u32
            );
        }
    }

    #[test]
    fn one_to_two_hundred_bytes() {
        assert!(SessionKey::new("").is_err());
        assert!(SessionKey::new("k").is_ok());
        assert!(SessionKey::new("k".repeat(200)).is_ok());
        let error = SessionKey::new("k".repeat(201)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "a session key has at most 200 bytes, but this one has 201"
        );
    }

    #[test]
    fn neither_the_key_nor_a_refused_text_is_shown() {
        let key = SessionKey::new("secret").unwrap();
        let refused = SessionKey::new("secret\n").unwrap_err();
        for shown in [
            format!("{key:?}"),
            format!("{refused:?}"),
            refused.to_string(),
        ] {
            assert!(!shown.contains("secret"), "{shown}");
        }
    }
}
