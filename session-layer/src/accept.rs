//! Other forms of cookie that a layer reads.

use crate::{Keys, Profile};

/// A form of cookie that is read besides the one that is written, so that nobody is logged out by a move.
///
/// A session found in it goes on, and the browser gets its cookie in the layer's own form with the
/// response of the first request that uses the session. A [`Profile`] alone is this with the layer's own
/// keys and the name under which the profile is known.
///
/// ```
/// use session_layer::{Accept, Keys, Profile, SessionLayer};
///
/// let eggs = Keys::keygrip(["the keys", "of config.keys"])?;
/// let layer = SessionLayer::cookie(Keys::generate()?)
///     .accept(Accept::new(Profile::Egg).keys(eggs.clone()))
///     .accept(Accept::new(Profile::Egg).keys(eggs).encrypt(false)) // as egg 4 does, unless told to encrypt
///     .build()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "it does nothing until a builder is given it"]
pub struct Accept {
    pub(crate) profile: Profile,
    pub(crate) key: Option<String>,
    pub(crate) keys: Option<Keys>,
    pub(crate) encrypt: bool,
    pub(crate) signed: bool,
}

impl Accept {
    /// `profile` as it is by default.
    pub fn new(profile: Profile) -> Self {
        Self {
            profile,
            key: None,
            keys: None,
            encrypt: profile.encrypts(),
            signed: true,
        }
    }

    /// The cookie's name. Default: that of the layer's [`key`](crate::SessionLayerBuilder::key) if it was set,
    /// otherwise `koa.sess` for [`Profile::Koa`] and `EGG_SESS`.
    pub fn key(mut self, name: impl Into<String>) -> Self {
        self.key = Some(name.into());
        self
    }

    /// The keys. Default: the layer's own.
    pub fn keys(mut self, keys: Keys) -> Self {
        self.keys = Some(keys);
        self
    }

    /// Whether it is encrypted. Default: as [`SessionLayerBuilder::encrypt`](crate::SessionLayerBuilder::encrypt).
    pub fn encrypt(mut self, encrypt: bool) -> Self {
        self.encrypt = encrypt;
        self
    }

    /// Whether it is signed, where it is not encrypted. Default true.
    pub fn signed(mut self, signed: bool) -> Self {
        self.signed = signed;
        self
    }
}

impl From<Profile> for Accept {
    fn from(profile: Profile) -> Self {
        Self::new(profile)
    }
}
