//! The values of the options that choose between a few.

/// When the cookie carries `Secure`: the browser then sends it over https alone.
///
/// `true` is [`Always`](Self::Always) and `false` is [`Never`](Self::Never).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "there is no fourth case")]
pub enum Secure {
    /// When the request came over https.
    #[default]
    Auto,
    /// On every response.
    Always,
    /// On no response.
    Never,
}

impl From<bool> for Secure {
    fn from(secure: bool) -> Self {
        if secure { Self::Always } else { Self::Never }
    }
}

/// From which sites the browser sends the cookie.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "RFC 6265bis knows three")]
pub enum SameSite {
    /// From our own site alone.
    Strict,
    /// From our own site, and when a link leads here.
    Lax,
    /// From every site. Browsers keep it with `Secure` only, so it is left out of responses to requests
    /// that did not come over https, unless [`Secure::Always`] says that they all do.
    None,
}

impl SameSite {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Strict => "Strict",
            Self::Lax => "Lax",
            Self::None => "None",
        }
    }
}

/// Which cookies a browser drops last when it has too many.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "browsers know three")]
pub enum Priority {
    /// First to go.
    Low,
    /// What a cookie without this attribute has.
    Medium,
    /// Last to go.
    High,
}

impl Priority {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Low => "Low",
            Self::Medium => "Medium",
            Self::High => "High",
        }
    }
}

/// What to do with a session that is too large for the cookie it lives in.
///
/// Browsers keep no cookie whose name and value together have more than 4096 bytes, nor does egg write a
/// value of more than 4093 without a complaint. Either way the event `oversize` is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "there is no third case")]
pub enum Oversize {
    /// The write fails with [`ErrorKind::TooLarge`](crate::ErrorKind::TooLarge); the browser keeps the
    /// session it had.
    #[default]
    Refuse,
    /// The cookie is sent, and the browser drops it. As egg does.
    Warn,
}

/// What a handler gets while the store cannot be reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "there is no third case")]
pub enum OnStoreError {
    /// [`ErrorKind::Unavailable`](crate::ErrorKind::Unavailable), which `?` turns into a 503.
    #[default]
    Fail,
    /// An empty session that cannot be changed, told by
    /// [`Session::is_read_only`](crate::Session::is_read_only), so that pages which only look can be shown.
    /// Nothing is ever written in place of the session that could not be read.
    ReadOnly,
}
