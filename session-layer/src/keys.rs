//! The secrets that cookies are sealed with.

use std::error::Error;
use std::fmt;

use hkdf::Hkdf;
use sha2::Sha256;

/// One or more secrets. The first seals cookies, all of them open cookies.
///
/// Each secret has at least [`MIN_LEN`](Self::MIN_LEN) bytes, and they should be random: a password is not
/// a key. Make one with `openssl rand -base64 32`, and give every process that serves the same sessions
/// the same secrets. What is used in cookies is derived from them (HKDF-SHA256), another key for each
/// purpose and cookie name. `Debug` does not show them.
///
/// To replace a secret, put the new one in front; take the old one out when the sessions that began
/// under it have ended.
///
/// ```
/// use session_layer::Keys;
///
/// # let (old, new) = ([1; 32], [2; 32]);
/// let keys = Keys::new(&old)?;
/// let keys = Keys::rotated([&new, &old])?;
/// assert_eq!(
///     Keys::new("hunter2").unwrap_err().to_string(),
///     "a session secret has at least 32 bytes, but the first has 7",
/// );
/// # Ok::<(), session_layer::InvalidKeys>(())
/// ```
#[derive(Clone)]
pub struct Keys(Vec<Secret>);

#[derive(Clone)]
struct Secret {
    text: Box<[u8]>,
    hkdf: Hkdf<Sha256>,
}

impl Keys {
    /// The shortest secret, in bytes.
    pub const MIN_LEN: usize = 32;

    /// One secret.
    ///
    /// # Errors
    ///
    /// [`InvalidKeys`] if it is shorter than [`MIN_LEN`](Self::MIN_LEN).
    pub fn new(secret: impl AsRef<[u8]>) -> Result<Self, InvalidKeys> {
        Self::rotated([secret])
    }

    /// Several secrets, the newest first.
    ///
    /// # Errors
    ///
    /// [`InvalidKeys`] if there is none, or if one is shorter than [`MIN_LEN`](Self::MIN_LEN).
    pub fn rotated<S: AsRef<[u8]>>(
        secrets: impl IntoIterator<Item = S>,
    ) -> Result<Self, InvalidKeys> {
        Self::of_length(Self::MIN_LEN, secrets)
    }

    /// The keys of a koa or egg application, as they stand in its `keys`, the newest first, of any length.
    ///
    /// For [`Profile::Egg`](crate::Profile::Egg) and [`Profile::Koa`](crate::Profile::Koa). A layer that
    /// seals with keys shorter than [`MIN_LEN`](Self::MIN_LEN) is not built. egg's `keys` is one text with
    /// commas:
    ///
    /// ```
    /// # use session_layer::Keys;
    /// let keys = Keys::keygrip("newest, older".split(',').map(str::trim))?;
    /// # Ok::<(), session_layer::InvalidKeys>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`InvalidKeys`] if there is none, or an empty one.
    pub fn keygrip<S: AsRef<[u8]>>(keys: impl IntoIterator<Item = S>) -> Result<Self, InvalidKeys> {
        Self::of_length(1, keys)
    }

    /// No secret, for sessions whose cookie is neither encrypted nor signed, or that have none.
    #[must_use]
    pub fn none() -> Self {
        Self(Vec::new())
    }

    fn of_length<S: AsRef<[u8]>>(
        min: usize,
        secrets: impl IntoIterator<Item = S>,
    ) -> Result<Self, InvalidKeys> {
        let mut keys = Vec::new();
        for secret in secrets {
            let secret = secret.as_ref();
            if secret.len() < min {
                return Err(InvalidKeys(Reason::Short {
                    min,
                    number: keys.len() + 1,
                    len: secret.len(),
                }));
            }
            keys.push(Secret {
                text: secret.into(),
                hkdf: Hkdf::new(None, secret),
            });
        }
        if keys.is_empty() {
            return Err(InvalidKeys(Reason::None));
        }
        Ok(Self(keys))
    }

    /// A random secret that only this process knows: sessions end when it does, and no second process
    /// can open them. For examples and tests.
    ///
    /// # Errors
    ///
    /// [`InvalidKeys`] if the operating system gives no random bytes.
    pub fn generate() -> Result<Self, InvalidKeys> {
        let mut secret = [0; Self::MIN_LEN];
        getrandom::fill(&mut secret).map_err(|e| InvalidKeys(Reason::Random(e)))?;
        Self::new(secret)
    }

    /// A key for `purpose` and the cookie named `cookie` from each secret, in order.
    pub(crate) fn derive(&self, purpose: &str, cookie: &str) -> impl Iterator<Item = [u8; 32]> {
        self.0.iter().map(move |secret| {
            let mut key = [0; 32];
            let info = [purpose.as_bytes(), b"\0", cookie.as_bytes()];
            secret
                .hkdf
                .expand_multi_info(&info, &mut key)
                .expect("32 bytes are far below what HKDF can give");
            key
        })
    }

    /// The secrets themselves, in order: what koa and egg use.
    pub(crate) fn secrets(&self) -> impl Iterator<Item = &[u8]> {
        self.0.iter().map(|secret| &*secret.text)
    }

    pub(crate) fn is_none(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether each is long enough to derive keys from.
    pub(crate) fn are_long(&self) -> bool {
        self.secrets().all(|secret| secret.len() >= Self::MIN_LEN)
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys")
            .field("secrets", &self.0.len())
            .finish_non_exhaustive()
    }
}

/// Why some secrets are no [`Keys`]. Does not show them.
#[derive(Clone, Debug)]
pub struct InvalidKeys(Reason);

#[derive(Clone, Debug)]
enum Reason {
    None,
    Short {
        min: usize,
        number: usize,
        len: usize,
    },
    Random(getrandom::Error),
}

impl fmt::Display for InvalidKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Reason::None => f.write_str("session keys need at least one secret"),
            Reason::Short { min: 1, .. } => f.write_str("a session secret cannot be empty"),
            Reason::Short { min, number, len } => {
                write!(f, "a session secret has at least {min} bytes, but ")?;
                match number {
                    1 => write!(f, "the first has {len}"),
                    _ => write!(f, "number {number} has {len}"),
                }
            }
            Reason::Random(_) => f.write_str("the operating system gave no random bytes"),
        }
    }
}

impl Error for InvalidKeys {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.0 {
            Reason::Random(error) => Some(error),
            Reason::None | Reason::Short { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_secret_purpose_and_cookie_has_a_key_of_its_own() {
        let keys = Keys::rotated([[1; 32], [2; 32]]).unwrap();
        let mut derived: Vec<_> = [("a", "b"), ("a", "c"), ("b", "b"), ("ab", "")]
            .into_iter()
            .flat_map(|(purpose, cookie)| keys.derive(purpose, cookie))
            .collect();
        assert_eq!(derived.len(), 8);
        derived.sort_unstable();
        derived.dedup();
        assert_eq!(derived.len(), 8);
    }
}
