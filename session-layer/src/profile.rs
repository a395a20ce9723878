//! How a text becomes a cookie that nobody else could have made.

mod egg;
mod keygrip;
mod sealed;

use hmac::Hmac;
use sha1::Sha1;
use sha2::Sha256;

use self::egg::Cipher;
use self::keygrip::Keygrip;
use self::sealed::{Sealed, Signed};
use crate::cookie::Cookies;
use crate::payload::Encoding;
use crate::{Error, ErrorKind, Keys, Result};

/// What the session's cookie looks like, and so who else can read it.
///
/// A layer writes one form, and reads those it was told to [`accept`](crate::SessionLayerBuilder::accept)
/// besides. Records in a store are the same in all of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Profile {
    /// Encrypted and authenticated with XChaCha20-Poly1305 under a random nonce, bound to the cookie's name
    /// and its purpose. Without `encrypt`: readable, under HMAC-SHA256. For sessions that only this
    /// crate serves. The cookie is called `EGG_SESS`.
    #[default]
    Sealed,
    /// egg's, versions 2 to 4: AES-256-CBC with a fixed IV and no authentication, which is egg's weakness and
    /// not to be had otherwise; without `encrypt`, HMAC-SHA256 in a second cookie `EGG_SESS.sig`. For sessions
    /// that egg serves too. Fleets on egg 4 that never set `encrypt` do not encrypt.
    Egg,
    /// koa-session's, versions 5 to 7: readable, HMAC-SHA1 in a second cookie. The cookie is called
    /// `koa.sess`. For sessions that koa serves too.
    Koa,
}

impl Profile {
    /// The cookie's name, unless it was given another.
    pub(crate) fn key(self) -> &'static str {
        match self {
            Self::Sealed | Self::Egg => "EGG_SESS",
            Self::Koa => "koa.sess",
        }
    }

    /// Whether the cookie is encrypted, unless it was said.
    pub(crate) fn encrypts(self) -> bool {
        self != Self::Koa
    }

    /// Whether a Node process may serve the same sessions.
    pub(crate) fn is_shared(self) -> bool {
        self != Self::Sealed
    }
}

/// What the cookie's text is: a value made for one is none for the other.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// The id of a session in a store.
    Id,
    /// The session itself.
    Session,
}

/// What may be chosen about a cookie's form.
#[derive(Clone, Copy)]
pub(crate) struct Form {
    pub(crate) profile: Profile,
    pub(crate) encrypt: bool,
    pub(crate) signed: bool,
    pub(crate) purpose: Purpose,
}

/// Writes and reads the values of one cookie, with the newest key first.
pub(crate) struct Codec {
    name: String,
    /// The name of the cookie that the signature is in, where it is in another.
    signature_name: String,
    unquotes: bool,
    /// Whether a Node process may serve the same sessions.
    is_shared: bool,
    kind: Kind,
    /// How a session becomes the cookie's text, where it lives in the cookie.
    encoding: Encoding,
}

enum Kind {
    Sealed(Sealed),
    Signed(Signed),
    Cbc(Cipher),
    Sha1(Keygrip<Hmac<Sha1>>),
    Sha256(Keygrip<Hmac<Sha256>>),
    Bare,
}

/// The cookie in a request.
pub(crate) enum Opening {
    Absent,
    /// Nobody with our keys wrote it.
    Forged,
    Open(Opened),
}

/// What a cookie held.
pub(crate) struct Opened {
    pub(crate) text: String,
    /// It was written with a key that is no longer the first.
    pub(crate) by_old_key: bool,
}

/// The values of the cookie and of the one beside it.
pub(crate) struct Closed {
    pub(crate) value: String,
    pub(crate) signature: Option<String>,
}

/// Longer values are not looked at.
const MAX_LEN: usize = 8 << 10;

impl Codec {
    pub(crate) fn new(form: Form, keys: &Keys, name: &str, encoding: Encoding) -> Self {
        let Form {
            profile,
            encrypt,
            signed,
            purpose,
        } = form;
        let kind = match profile {
            Profile::Sealed if encrypt => Kind::Sealed(Sealed::new(keys, name, purpose)),
            Profile::Sealed => Kind::Signed(Signed::new(keys, name, purpose)),
            Profile::Egg if encrypt => Kind::Cbc(Cipher::new(keys)),
            Profile::Egg if signed => Kind::Sha256(Keygrip::new(keys)),
            Profile::Koa if signed => Kind::Sha1(Keygrip::new(keys)),
            Profile::Egg | Profile::Koa => Kind::Bare,
        };
        Self {
            name: name.to_owned(),
            signature_name: format!("{name}.sig"),
            unquotes: profile == Profile::Koa,
            is_shared: profile.is_shared(),
            kind,
            encoding,
        }
    }

    pub(crate) fn encoding(&self) -> &Encoding {
        &self.encoding
    }

    /// The cookie's name.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The name of the cookie that [`Closed::signature`] goes into.
    pub(crate) fn signature_name(&self) -> &str {
        &self.signature_name
    }

    /// Whether a Node process may serve the same sessions.
    pub(crate) fn is_shared(&self) -> bool {
        self.is_shared
    }

    /// Reads the cookie. Node takes the first of several, so a form that it shares does too; otherwise two
    /// are none, as nothing says which of them is ours.
    pub(crate) fn open(&self, cookies: &Cookies) -> Opening {
        let mut values = cookies.values(&self.name);
        let Some(value) = values.next() else {
            return Opening::Absent;
        };
        let alone = matches!(self.kind, Kind::Sealed(_) | Kind::Signed(_));
        if alone && values.next().is_some() {
            return Opening::Forged;
        }
        let value = if self.unquotes { unquote(value) } else { value };
        if value.is_empty() {
            return Opening::Absent;
        }
        match self.open_value(value, cookies) {
            Some(opened) => Opening::Open(opened),
            None => Opening::Forged,
        }
    }

    fn open_value(&self, value: &[u8], cookies: &Cookies) -> Option<Opened> {
        if value.len() > MAX_LEN {
            return None;
        }
        let text = || str::from_utf8(value).ok().map(str::to_owned);
        let signature = || cookies.values(&self.signature_name).next();
        let (text, key) = match &self.kind {
            Kind::Sealed(sealed) => sealed.open(value)?,
            Kind::Signed(signed) => signed.open(value)?,
            Kind::Cbc(cipher) => cipher.open(value)?,
            Kind::Sha1(keygrip) => (text()?, keygrip.verify(&self.name, value, signature()?)?),
            Kind::Sha256(keygrip) => (text()?, keygrip.verify(&self.name, value, signature()?)?),
            Kind::Bare => (text()?, 0),
        };
        Some(Opened {
            text,
            by_old_key: key > 0,
        })
    }

    /// The values that hold `text`.
    pub(crate) fn close(&self, text: &str) -> Result<Closed> {
        let alone = |value| Closed {
            value,
            signature: None,
        };
        let beside = |signature| {
            Ok(Closed {
                value: as_value(text)?,
                signature: Some(signature),
            })
        };
        match &self.kind {
            Kind::Sealed(sealed) => sealed.close(text).map(alone),
            Kind::Signed(signed) => Ok(alone(signed.close(text))),
            Kind::Cbc(cipher) => Ok(alone(cipher.close(text))),
            Kind::Sha1(keygrip) => beside(keygrip.sign(&self.name, text)),
            Kind::Sha256(keygrip) => beside(keygrip.sign(&self.name, text)),
            Kind::Bare => as_value(text).map(alone),
        }
    }

    /// How long the value that holds `text` is.
    pub(crate) fn closed_len(&self, text: &str) -> usize {
        match &self.kind {
            Kind::Sealed(_) => Sealed::closed_len(text),
            Kind::Signed(signed) => signed.closed_len(text),
            Kind::Cbc(_) => Cipher::closed_len(text),
            Kind::Sha1(_) | Kind::Sha256(_) | Kind::Bare => text.len(),
        }
    }

    /// The values that a browser is given with the order to forget them. koa signs the empty one.
    pub(crate) fn cleared(&self) -> Closed {
        Closed {
            value: String::new(),
            signature: match &self.kind {
                Kind::Sha1(keygrip) => Some(keygrip.sign(&self.name, "")),
                Kind::Sha256(_) => Some(String::new()),
                Kind::Sealed(_) | Kind::Signed(_) | Kind::Cbc(_) | Kind::Bare => None,
            },
        }
    }
}

/// `text`, if it can stand in a cookie as it is.
fn as_value(text: &str) -> Result<String> {
    if text
        .bytes()
        .all(|byte| byte.is_ascii_graphic() && byte != b';')
    {
        return Ok(text.to_owned());
    }
    Err(Error::new(
        ErrorKind::Value,
        "`encode` made a text that no cookie can hold",
    ))
}

fn unquote(value: &[u8]) -> &[u8] {
    let Some(inner) = value.strip_prefix(b"\"") else {
        return value;
    };
    inner.strip_suffix(b"\"").unwrap_or(inner)
}
