//! Our own forms: everything in one value, bound to the cookie's name and to what it is for.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use hmac::{Hmac, Mac};
use sha2::Sha256;

use super::Purpose;
use crate::{Error, ErrorKind, Keys, Result};

const NONCE_LEN: usize = 24;
const TAG_LEN: usize = 16;
/// Characters of an HMAC-SHA256.
const CODE_LEN: usize = 43;

/// base64url of nonce, encrypted text and tag; purpose and name are authenticated too.
pub(super) struct Sealed {
    ciphers: Vec<XChaCha20Poly1305>,
    bound: Vec<u8>,
}

impl Sealed {
    pub(super) fn new(keys: &Keys, name: &str, purpose: Purpose) -> Self {
        let purpose = match purpose {
            Purpose::Id => "session-layer v1 sealed id",
            Purpose::Session => "session-layer v1 sealed session",
        };
        let cipher = |key: [u8; 32]| XChaCha20Poly1305::new(&key.into());
        Self {
            ciphers: keys.derive(purpose, name).map(cipher).collect(),
            bound: format!("{purpose}\0{name}").into_bytes(),
        }
    }

    pub(super) fn close(&self, text: &str) -> Result<String> {
        let mut nonce = [0; NONCE_LEN];
        getrandom::fill(&mut nonce).map_err(|e| {
            Error::new(ErrorKind::Random, "no random bytes for a nonce").with_source(e)
        })?;
        let payload = Payload {
            msg: text.as_bytes(),
            aad: &self.bound,
        };
        let sealed = self.ciphers[0]
            .encrypt(&XNonce::from(nonce), payload)
            .map_err(|_| Error::new(ErrorKind::TooLarge, "the cookie is too long to seal"))?;
        Ok(URL_SAFE_NO_PAD.encode([&nonce[..], &sealed].concat()))
    }

    /// The text, and the number of the key that opened it.
    pub(super) fn open(&self, value: &[u8]) -> Option<(String, usize)> {
        let sealed = URL_SAFE_NO_PAD.decode(value).ok()?;
        let (nonce, msg) = sealed.split_first_chunk::<NONCE_LEN>()?;
        let nonce = XNonce::from(*nonce);
        let aad = &*self.bound;
        self.ciphers.iter().enumerate().find_map(|(key, cipher)| {
            let text = cipher.decrypt(&nonce, Payload { msg, aad }).ok()?;
            Some((String::from_utf8(text).ok()?, key))
        })
    }

    pub(super) fn closed_len(text: &str) -> usize {
        base64_len(NONCE_LEN + text.len() + TAG_LEN)
    }
}

/// The text, a dot and a code over `name=text`. A session is base64url, an id as it is.
pub(super) struct Signed {
    macs: Vec<Hmac<Sha256>>,
    name: String,
    encodes: bool,
}

impl Signed {
    pub(super) fn new(keys: &Keys, name: &str, purpose: Purpose) -> Self {
        let label = match purpose {
            Purpose::Id => "session-layer v1 signed id",
            Purpose::Session => "session-layer v1 signed session",
        };
        let mac = |key: [u8; 32]| {
            <Hmac<Sha256> as KeyInit>::new_from_slice(&key).expect("HMAC takes a key of any length")
        };
        Self {
            macs: keys.derive(label, name).map(mac).collect(),
            name: name.to_owned(),
            encodes: purpose == Purpose::Session,
        }
    }

    pub(super) fn close(&self, text: &str) -> String {
        let code = self.code(&self.macs[0], text).finalize().into_bytes();
        let code = URL_SAFE_NO_PAD.encode(code);
        if self.encodes {
            format!("{}.{code}", URL_SAFE_NO_PAD.encode(text))
        } else {
            format!("{text}.{code}")
        }
    }

    /// The text, and the number of the key that signed it.
    pub(super) fn open(&self, value: &[u8]) -> Option<(String, usize)> {
        let (shown, given) = str::from_utf8(value).ok()?.rsplit_once('.')?;
        let text = if self.encodes {
            String::from_utf8(URL_SAFE_NO_PAD.decode(shown).ok()?).ok()?
        } else {
            shown.to_owned()
        };
        let given = URL_SAFE_NO_PAD.decode(given).ok()?;
        let fits = |mac| self.code(mac, &text).verify_slice(&given).is_ok();
        let key = self.macs.iter().position(fits)?;
        Some((text, key))
    }

    pub(super) fn closed_len(&self, text: &str) -> usize {
        let shown = if self.encodes {
            base64_len(text.len())
        } else {
            text.len()
        };
        shown + 1 + CODE_LEN
    }

    fn code(&self, mac: &Hmac<Sha256>, text: &str) -> Hmac<Sha256> {
        mac.clone()
            .chain_update(&self.name)
            .chain_update("=")
            .chain_update(text)
    }
}

/// Characters of `bytes` bytes, without padding.
fn base64_len(bytes: usize) -> usize {
    (bytes * 4).div_ceil(3)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "app:AAAAAAAAAAAAAAAAAAAAAAAA";

    type Close = Box<dyn Fn(&str) -> String>;
    type Open = Box<dyn Fn(&[u8]) -> Option<(String, usize)>>;

    /// Each form for each purpose.
    fn forms(secrets: &[u8], name: &str) -> Vec<(Close, Open)> {
        let keys = Keys::rotated(secrets.iter().map(|byte| [*byte; 32])).unwrap();
        let mut forms: Vec<(Close, Open)> = Vec::new();
        for purpose in [Purpose::Id, Purpose::Session] {
            let (keys, name) = (keys.clone(), name.to_owned());
            let sealed = move || Sealed::new(&keys, &name, purpose);
            let (one, other) = (sealed(), sealed());
            forms.push((
                Box::new(move |text| one.close(text).unwrap()),
                Box::new(move |value| other.open(value)),
            ));
        }
        for purpose in [Purpose::Id, Purpose::Session] {
            let signed = || Signed::new(&keys, name, purpose);
            let (one, other) = (signed(), signed());
            forms.push((
                Box::new(move |text| one.close(text)),
                Box::new(move |value| other.open(value)),
            ));
        }
        forms
    }

    #[test]
    fn what_is_closed_opens_with_any_key_but_under_its_own_name_and_purpose_only() {
        for (form, (close, _)) in forms(&[1], "sid").iter().enumerate() {
            let value = close(TEXT);
            let open = |secrets, name| forms(secrets, name)[form].1(value.as_bytes());
            assert_eq!(open(&[1], "sid"), Some((TEXT.to_owned(), 0)));
            assert_eq!(open(&[1, 2], "sid").unwrap().1, 0);
            assert_eq!(open(&[2, 1], "sid").unwrap().1, 1);
            assert!(open(&[2], "sid").is_none());
            assert!(open(&[1], "other").is_none());
            for (other, (_, open)) in forms(&[1], "sid").iter().enumerate() {
                assert_eq!(open(value.as_bytes()).is_some(), form == other);
            }
        }
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_noticed() {
        for (close, open) in forms(&[1], "sid") {
            let value = close(TEXT).into_bytes();
            for at in 0..value.len() {
                assert!(open(&value[..at]).is_none(), "cut at {at}");
                for bit in 0..8 {
                    let mut flipped = value.clone();
                    flipped[at] ^= 1 << bit;
                    assert!(open(&flipped).is_none(), "bit {bit} of byte {at}");
                }
            }
        }
    }

    #[test]
    fn a_sealed_value_hides_the_text_and_never_repeats() {
        let forms = forms(&[1], "sid");
        assert_ne!(forms[0].0(TEXT), forms[0].0(TEXT));
        assert!(
            forms[2].0(TEXT).starts_with(TEXT),
            "a signed id is readable"
        );
    }
}
