//! The signature of koa and egg: a code over `name=value` in a cookie of its own.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{KeyInit, Mac};

use crate::Keys;

/// Signs with the first key and verifies with all. koa has HMAC-SHA1, egg HMAC-SHA256.
pub(super) struct Keygrip<M>(Vec<M>);

impl<M: Mac + KeyInit + Clone> Keygrip<M> {
    pub(super) fn new(keys: &Keys) -> Self {
        let mac = |secret: &[u8]| {
            <M as KeyInit>::new_from_slice(secret).expect("HMAC takes a key of any length")
        };
        Self(keys.secrets().map(mac).collect())
    }

    pub(super) fn sign(&self, name: &str, value: &str) -> String {
        let code = code(&self.0[0], name, value.as_bytes()).finalize();
        URL_SAFE_NO_PAD.encode(code.into_bytes())
    }

    /// The number of the key that signed it.
    pub(super) fn verify(&self, name: &str, value: &[u8], signature: &[u8]) -> Option<usize> {
        let given = URL_SAFE_NO_PAD.decode(signature).ok()?;
        let fits = |mac: &M| code(mac, name, value).verify_slice(&given).is_ok();
        self.0.iter().position(fits)
    }
}

fn code<M: Mac + Clone>(mac: &M, name: &str, value: &[u8]) -> M {
    mac.clone()
        .chain_update(name)
        .chain_update("=")
        .chain_update(value)
}

#[cfg(test)]
mod tests {
    use hmac::Hmac;
    use sha1::Sha1;
    use sha2::Sha256;

    use super::*;

    const CONTENT: &str = "eyJhIjoxLCJfZXhwaXJlIjoxNzAwMDAwMDAwMDAwLCJfbWF4QWdlIjo4NjQwMDAwMH0=";

    fn koa(key: &str) -> Keygrip<Hmac<Sha1>> {
        Keygrip::new(&Keys::keygrip([key]).unwrap())
    }

    fn egg(key: &str) -> Keygrip<Hmac<Sha256>> {
        Keygrip::new(&Keys::keygrip([key]).unwrap())
    }

    #[test]
    fn koas_signatures() {
        let koa = koa("a");
        assert_eq!(koa.sign("koa.sess", CONTENT), "zRswGSSAwudTQcCEU8Jf1g58vR4");
        assert_eq!(koa.sign("koa.sess", ""), "OutgMohMu21khLGNzdTgaP9EjPI");
    }

    #[test]
    fn eggs_signatures() {
        for (key, name, value, signature) in [
            (
                "key1",
                "EGG_SESS",
                CONTENT,
                "SaqfEi_NUw3RiCgbaPjAH20kzNV5jnpLjmTuy-r4WPE",
            ),
            (
                "key",
                "foo",
                "hello",
                "ZWbaA4bWk8ByBuYVgfmJ2DMvhhS3sOctMbfXAQ2vnwI",
            ),
            (
                "key",
                "_CHIPS-foo",
                "hello",
                "G4Idm9Wdp_vfCnUbOpQG284o22SgTe88SUmG6QW1ylk",
            ),
            (
                "key",
                "foo1",
                "bar1",
                "_OGF14M_XqPTd58nMRUco2iwwhlZvq7h8ifl3Kej_jg",
            ),
            (
                "hello",
                "foo",
                "bar",
                "OF_MUjrWGe3SKdq0CMpvzMWjZdZqB4jnCoHZSIUBvAE",
            ),
        ] {
            assert_eq!(egg(key).sign(name, value), signature);
        }
    }

    /// Keygrip signs any text; ours always has a name in front.
    #[test]
    fn keygrips_own_vectors() {
        let sign = |mac: Result<Hmac<Sha1>, _>, text: &str| {
            let code = mac.unwrap().chain_update(text).finalize().into_bytes();
            URL_SAFE_NO_PAD.encode(code)
        };
        let text = "Keyboard Cat has a hat.";
        let mac = |key: &[u8]| <Hmac<Sha1> as KeyInit>::new_from_slice(key);
        assert_eq!(sign(mac(b"SEKRIT1"), text), "34Sr3OIsheUYWKL5_w--zJsdSNk");
        assert_eq!(sign(mac(b"SEKRIT2"), text), "_jl9qXYgk5AgBiKFOPYK073FMEQ");
        let mac = <Hmac<Sha256> as KeyInit>::new_from_slice(b"SEKRIT1").unwrap();
        let code = mac.chain_update(text).finalize().into_bytes();
        assert_eq!(
            URL_SAFE_NO_PAD.encode(code),
            "pu97aPRZRLKi3-eANtIlTG_CwSc39mAcIZ1c6FxsGCk"
        );
    }

    #[test]
    fn the_key_that_signed_is_found_by_its_number() {
        let keys = Keys::keygrip(["new", "old"]).unwrap();
        let keygrip: Keygrip<Hmac<Sha1>> = Keygrip::new(&keys);
        let signed_by = |key: &str| {
            let signature = koa(key).sign("sid", "value");
            keygrip.verify("sid", b"value", signature.as_bytes())
        };
        assert_eq!(signed_by("new"), Some(0));
        assert_eq!(signed_by("old"), Some(1));
        assert_eq!(signed_by("other"), None);
        for signature in [
            &b""[..],
            b"A",
            b"zRswGSSAwudTQcCEU8Jf1g58vR5",
            b"\xFF",
            b"====",
        ] {
            assert_eq!(keygrip.verify("sid", b"value", signature), None);
        }
    }
}
