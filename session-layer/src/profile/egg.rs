//! egg's encryption: AES-256-CBC, key and IV both from the secret, as OpenSSL once derived them.
//!
//! The IV is fixed and nothing is authenticated, so equal beginnings show, and whoever can alter a cookie
//! can garble a session. It is here because egg's sessions can be had no other way.

use aes::Aes256;
use base64::Engine;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, URL_SAFE};
use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockModeDecrypt, BlockModeEncrypt, KeyIvInit};
use md5::{Digest, Md5};

use crate::Keys;

const BLOCK: usize = 16;

/// Node writes the padding and does not ask for it.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Encrypts with the first key and decrypts with all.
pub(super) struct Cipher(Vec<Derived>);

/// `EVP_BytesToKey` with MD5, one round and no salt.
struct Derived {
    key: [u8; 32],
    iv: [u8; BLOCK],
}

impl Cipher {
    pub(super) fn new(keys: &Keys) -> Self {
        Self(keys.secrets().map(Derived::new).collect())
    }

    pub(super) fn close(&self, text: &str) -> String {
        let Derived { key, iv } = &self.0[0];
        let encryptor = cbc::Encryptor::<Aes256>::new(key.into(), iv.into());
        URL_SAFE.encode(encryptor.encrypt_padded_vec::<Pkcs7>(text.as_bytes()))
    }

    /// The text, and the number of the key that it opened with.
    pub(super) fn open(&self, value: &[u8]) -> Option<(String, usize)> {
        let encrypted = LENIENT.decode(value).ok()?;
        self.0.iter().enumerate().find_map(|(number, derived)| {
            let decryptor =
                cbc::Decryptor::<Aes256>::new((&derived.key).into(), (&derived.iv).into());
            let text = decryptor.decrypt_padded_vec::<Pkcs7>(&encrypted).ok()?;
            // One wrong key in 256 ends in what looks like padding; what it makes is no text.
            let text = String::from_utf8(text).ok()?;
            let is_text = !text.is_empty() && !text.chars().any(char::is_control);
            is_text.then_some((text, number))
        })
    }

    pub(super) fn closed_len(text: &str) -> usize {
        let encrypted = (text.len() / BLOCK + 1) * BLOCK;
        encrypted.div_ceil(3) * 4
    }
}

impl Derived {
    fn new(secret: &[u8]) -> Self {
        let d1 = Md5::digest(secret);
        let next = |before: &[u8]| {
            Md5::new()
                .chain_update(before)
                .chain_update(secret)
                .finalize()
        };
        let d2 = next(&d1);
        let d3 = next(&d2);
        let mut key = [0; 32];
        key[..16].copy_from_slice(&d1);
        key[16..].copy_from_slice(&d2);
        Self { key, iv: d3.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cipher(keys: &[&str]) -> Cipher {
        Cipher::new(&Keys::keygrip(keys).unwrap())
    }

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn the_derived_keys_are_openssls() {
        for (secret, key, iv) in [
            (
                "key",
                "3c6e0b8a9c15224a8228b9a98ca1531dd1e2a35fba509b6432edb96d850e119f",
                "d8b84c781c0d442231bd4dbef9070957",
            ),
            (
                "key1",
                "c2add694bf942dc77b376592d9c862cd548f0e431fed9ddcf9d2ba0fc4afeac9",
                "1f5245837ab99789730994855814f385",
            ),
            (
                "secret-β",
                "2feae44ee254eada1cfe7b6ef066a4db7c5c82d04695d45e681eca04e60076dc",
                "8101a51c15b81a14b5d5ea60446b44fe",
            ),
        ] {
            let derived = Derived::new(secret.as_bytes());
            assert_eq!(
                (hex(&derived.key).as_str(), hex(&derived.iv).as_str()),
                (key, iv)
            );
        }
    }

    #[test]
    fn the_values_are_eggs() {
        let content = "eyJhIjoxLCJfZXhwaXJlIjoxNzAwMDAwMDAwMDAwLCJfbWF4QWdlIjo4NjQwMDAwMH0=";
        for (key, text, value) in [
            ("key", "bar", "SBfi5dnMSwNmMdeydI_zdw=="),
            ("foo", "bar 中文", "B9om8kiaZ7Xg9dzTUoH-Pw=="),
            (
                "key1",
                content,
                "ADDxgop9LcMUtKiaatBhTUnLa01z8qAtlYBSJ297Eui9P37CQYtH8hmSSXscwFwLkQi1lBNjrkOwakFJ9Ibhd04t-pVfwoA7Cr7M1SAZTCg=",
            ),
        ] {
            assert_eq!(cipher(&[key]).close(text), value);
            let opened = cipher(&["other", key]).open(value.as_bytes());
            assert_eq!(opened, Some((text.to_owned(), 1)));
            let unpadded = value.trim_end_matches('=').as_bytes();
            assert_eq!(cipher(&[key]).open(unpadded), Some((text.to_owned(), 0)));
            assert_eq!(cipher(&["other"]).open(value.as_bytes()), None);
            assert_eq!(Cipher::closed_len(text), value.len());
        }
    }

    #[test]
    fn what_is_no_ciphertext_is_refused() {
        for value in [
            &b""[..],
            b"=",
            b"AAAA",
            b"SBfi5dnMSwNmMdeydI_zdw==x",
            b"\xFF\xFE",
            b"....",
        ] {
            assert_eq!(cipher(&["key"]).open(value), None);
        }
    }
}
