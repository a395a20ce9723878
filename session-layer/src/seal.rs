//! The cookie's value: an id that only we could have written.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use hmac::{Hmac, Mac};
use sha2::Sha256;

use crate::{Error, ErrorKind, Keys, Result};

/// Longer values are not looked at: nonce, the longest id and tag come to 320 characters.
const MAX_LEN: usize = 320;
const NONCE_LEN: usize = 24;

const SEALED: &str = "session-layer v1 sealed id";
const SIGNED: &str = "session-layer v1 signed id";

/// Writes and reads the values of one cookie, with the newest key first.
pub(crate) enum Seal {
    /// base64url of nonce, encrypted id and tag; the purpose and the cookie's name are authenticated too.
    Sealed {
        ciphers: Vec<XChaCha20Poly1305>,
        bound: Vec<u8>,
    },
    /// The id, a dot and a code over `name=id` in base64url.
    Signed {
        macs: Vec<Hmac<Sha256>>,
        name: String,
    },
}

/// What a value held.
pub(crate) struct Opened {
    pub(crate) id: String,
    /// It was written with a key that is no longer the first.
    pub(crate) by_old_key: bool,
}

impl Seal {
    pub(crate) fn sealed(keys: &Keys, name: &str) -> Self {
        let cipher = |key: [u8; 32]| XChaCha20Poly1305::new(&key.into());
        Self::Sealed {
            ciphers: keys.derive(SEALED, name).map(cipher).collect(),
            bound: format!("{SEALED}\0{name}").into_bytes(),
        }
    }

    pub(crate) fn signed(keys: &Keys, name: &str) -> Self {
        let mac = |key: [u8; 32]| {
            <Hmac<Sha256> as KeyInit>::new_from_slice(&key).expect("HMAC takes a key of any length")
        };
        Self::Signed {
            macs: keys.derive(SIGNED, name).map(mac).collect(),
            name: name.to_owned(),
        }
    }

    pub(crate) fn close(&self, id: &str) -> Result<String> {
        match self {
            Self::Sealed { ciphers, bound } => {
                let mut nonce = [0; NONCE_LEN];
                getrandom::fill(&mut nonce).map_err(|e| {
                    Error::new(ErrorKind::Random, "no random bytes for a nonce").with_source(e)
                })?;
                let payload = Payload {
                    msg: id.as_bytes(),
                    aad: bound,
                };
                let sealed = ciphers[0]
                    .encrypt(&XNonce::from(nonce), payload)
                    .map_err(|_| Error::new(ErrorKind::Store, "the session id is too long"))?;
                Ok(URL_SAFE_NO_PAD.encode([&nonce[..], &sealed].concat()))
            }
            Self::Signed { macs, name } => {
                let code = code(&macs[0], name, id).finalize().into_bytes();
                Ok(format!("{id}.{}", URL_SAFE_NO_PAD.encode(code)))
            }
        }
    }

    /// Answers nothing for anything that [`close`](Self::close) did not write under this name.
    pub(crate) fn open(&self, value: &[u8]) -> Option<Opened> {
        if value.len() > MAX_LEN {
            return None;
        }
        match self {
            Self::Sealed { ciphers, bound } => {
                let sealed = URL_SAFE_NO_PAD.decode(value).ok()?;
                let (nonce, msg) = sealed.split_first_chunk::<NONCE_LEN>()?;
                let nonce = XNonce::from(*nonce);
                ciphers.iter().enumerate().find_map(|(age, cipher)| {
                    let id = cipher.decrypt(&nonce, Payload { msg, aad: bound }).ok()?;
                    Some(Opened {
                        id: String::from_utf8(id).ok()?,
                        by_old_key: age > 0,
                    })
                })
            }
            Self::Signed { macs, name } => {
                let (id, given) = str::from_utf8(value).ok()?.rsplit_once('.')?;
                let given = URL_SAFE_NO_PAD.decode(given).ok()?;
                let fits = |mac| code(mac, name, id).verify_slice(&given).is_ok();
                let age = macs.iter().position(fits)?;
                Some(Opened {
                    id: id.to_owned(),
                    by_old_key: age > 0,
                })
            }
        }
    }
}

fn code(mac: &Hmac<Sha256>, name: &str, id: &str) -> Hmac<Sha256> {
    mac.clone()
        .chain_update(name)
        .chain_update("=")
        .chain_update(id)
}

#[cfg(test)]
mod tests {
    use session_store_api::SessionKey;

    use super::*;

    const ID: &str = "app:AAAAAAAAAAAAAAAAAAAAAAAA";

    fn seals(secrets: &[u8], name: &str) -> [Seal; 2] {
        let keys = Keys::rotated(secrets.iter().map(|byte| [*byte; 32])).unwrap();
        [Seal::sealed(&keys, name), Seal::signed(&keys, name)]
    }

    #[test]
    fn what_is_closed_opens_with_any_key_but_under_its_own_name_only() {
        for form in 0..2 {
            let value = seals(&[1], "sid")[form].close(ID).unwrap();
            let open = |secrets, name| seals(secrets, name)[form].open(value.as_bytes());
            assert_eq!(open(&[1], "sid").unwrap().id, ID);
            assert!(!open(&[1, 2], "sid").unwrap().by_old_key);
            assert!(open(&[2, 1], "sid").unwrap().by_old_key);
            assert!(open(&[2], "sid").is_none());
            assert!(open(&[1], "other").is_none());
            assert!(
                seals(&[1], "sid")[1 - form]
                    .open(value.as_bytes())
                    .is_none()
            );
        }
    }

    #[test]
    fn the_longest_id_opens() {
        let id = "k".repeat(SessionKey::MAX_LEN);
        for seal in seals(&[1], "sid") {
            let value = seal.close(&id).unwrap();
            assert_eq!(seal.open(value.as_bytes()).unwrap().id, id);
        }
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_noticed() {
        for seal in seals(&[1], "sid") {
            let value = seal.close(ID).unwrap().into_bytes();
            for at in 0..value.len() {
                assert!(seal.open(&value[..at]).is_none(), "cut at {at}");
                for bit in 0..8 {
                    let mut flipped = value.clone();
                    flipped[at] ^= 1 << bit;
                    assert!(seal.open(&flipped).is_none(), "bit {bit} of byte {at}");
                }
            }
        }
    }

    #[test]
    fn a_sealed_value_hides_the_id_and_never_repeats() {
        let [sealed, signed] = seals(&[1], "sid");
        assert_ne!(sealed.close(ID).unwrap(), sealed.close(ID).unwrap());
        assert!(signed.close(ID).unwrap().starts_with(ID));
    }
}
