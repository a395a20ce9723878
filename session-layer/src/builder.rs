//! The options of a layer, and which of them do not go together.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use session_store_api::MaxAge;

use crate::config::{Config, CookieOptions, Store};
use crate::seal::Seal;
use crate::{Keys, SameSite, Secure, SessionLayer, id};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Makes a [`SessionLayer`]. The options have egg's names and defaults.
///
/// The setters take anything; [`build`](Self::build) checks all of it at once:
///
/// ```
/// use session_layer::{Keys, SameSite, SessionLayer};
/// use session_store_memory::MemoryStore;
///
/// let keys = Keys::generate()?;
/// let layer = SessionLayer::atomic(MemoryStore::new(), keys.clone())
///     .key("sid")
///     .same_site(SameSite::Lax)
///     .build()?;
///
/// let refused = SessionLayer::atomic(MemoryStore::new(), keys).key("my session").build();
/// assert_eq!(
///     refused.unwrap_err().to_string(),
///     "session layer option `key`: a cookie's name is made of letters, digits and !#$%&'*+-.^_`|~",
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until `build` is called"]
pub struct SessionLayerBuilder {
    store: Store,
    keys: Keys,
    cookie: CookieOptions,
    signed: bool,
    max_age: MaxAge,
    rolling: bool,
    renew: bool,
    prefix: String,
    trust_proxy: bool,
}

impl SessionLayerBuilder {
    pub(crate) fn new(store: Store, keys: Keys) -> Self {
        Self {
            store,
            keys,
            cookie: CookieOptions {
                name: "EGG_SESS".to_owned(),
                http_only: true,
                secure: Secure::Auto,
                same_site: None,
                path: "/".to_owned(),
                domain: None,
            },
            signed: false,
            max_age: MaxAge::After(DAY),
            rolling: false,
            renew: false,
            prefix: String::new(),
            trust_proxy: false,
        }
    }

    /// The cookie's name. Default `EGG_SESS`.
    pub fn key(mut self, name: impl Into<String>) -> Self {
        self.cookie.name = name.into();
        self
    }

    /// How long a session lives after it was last written. A duration, or [`MaxAge::Session`] for as
    /// long as the browser runs. A session keeps the lifetime it was written with. Default one day.
    pub fn max_age(mut self, max_age: impl Into<MaxAge>) -> Self {
        self.max_age = max_age.into();
        self
    }

    /// Whether scripts in the page are kept from reading the cookie. Default true.
    pub fn http_only(mut self, http_only: bool) -> Self {
        self.cookie.http_only = http_only;
        self
    }

    /// From which sites the browser sends the cookie. Default: the attribute is left out, as in egg,
    /// and the browser decides (most take [`SameSite::Lax`], which is the better choice).
    pub fn same_site(mut self, same_site: SameSite) -> Self {
        self.cookie.same_site = Some(same_site);
        self
    }

    /// Whether the browser sends the cookie over https alone. Default [`Secure::Auto`].
    pub fn secure(mut self, secure: impl Into<Secure>) -> Self {
        self.cookie.secure = secure.into();
        self
    }

    /// Whether `x-forwarded-proto` tells [`Secure::Auto`] if the request came over https. Only behind a
    /// proxy that overwrites this header; otherwise the request's own scheme decides. Default false.
    pub fn trust_proxy(mut self, trust_proxy: bool) -> Self {
        self.trust_proxy = trust_proxy;
        self
    }

    /// The path under which the browser sends the cookie. Default `/`.
    pub fn path(mut self, path: impl Into<String>) -> Self {
        self.cookie.path = path.into();
        self
    }

    /// The domain whose hosts the browser sends the cookie to. Default: none, so to this host alone.
    pub fn domain(mut self, domain: impl Into<String>) -> Self {
        self.cookie.domain = Some(domain.into());
        self
    }

    /// Leaves the id readable in the cookie and signs it (HMAC-SHA256), instead of sealing it
    /// (XChaCha20-Poly1305). Either way nobody else can make one. Default: sealed.
    pub fn signed(mut self) -> Self {
        self.signed = true;
        self
    }

    /// Whether every request that brings a session renews it, whether or not it is used. Costs a read
    /// and a write per such request. Default false.
    pub fn rolling(mut self, rolling: bool) -> Self {
        self.rolling = rolling;
        self
    }

    /// Whether a request that brings a session renews it once less than half of its life is left. Costs
    /// a read per such request. Default false.
    pub fn renew(mut self, renew: bool) -> Self {
        self.renew = renew;
        self
    }

    /// What every id begins with, so that one store can serve several applications. Default: nothing.
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// Checks the options.
    ///
    /// # Errors
    ///
    /// [`InvalidOption`] for a cookie no browser would keep, a prefix no store would take, and a life of
    /// zero. It names the option.
    pub fn build(self) -> Result<SessionLayer, InvalidOption> {
        self.check()?;
        let name = &self.cookie.name;
        let seal = if self.signed {
            Seal::signed(&self.keys, name)
        } else {
            Seal::sealed(&self.keys, name)
        };
        Ok(SessionLayer::from_config(Arc::new(Config {
            store: self.store,
            seal,
            cookie: self.cookie,
            max_age: self.max_age,
            rolling: self.rolling,
            renew: self.renew,
            prefix: self.prefix,
            trust_proxy: self.trust_proxy,
        })))
    }

    fn check(&self) -> Result<(), InvalidOption> {
        self.check_cookie()?;
        if self.max_age == MaxAge::After(Duration::ZERO) {
            return refuse("max_age", "a session has to live for some time");
        }
        if self.prefix.len() > id::MAX_PREFIX {
            return refuse("prefix", "a prefix has at most 176 bytes");
        }
        let fits_in_a_cookie = |byte: u8| byte.is_ascii_graphic() && !b"\",;\\".contains(&byte);
        if !self.prefix.bytes().all(fits_in_a_cookie) {
            return refuse(
                "prefix",
                "a prefix is visible ASCII without quotes, commas, semicolons and backslashes",
            );
        }
        Ok(())
    }

    fn check_cookie(&self) -> Result<(), InvalidOption> {
        let cookie = &self.cookie;
        if cookie.name.is_empty() {
            return refuse("key", "a cookie needs a name");
        }
        if !cookie.name.bytes().all(is_token) {
            return refuse(
                "key",
                "a cookie's name is made of letters, digits and !#$%&'*+-.^_`|~",
            );
        }
        let in_attribute = |byte: u8| matches!(byte, b' '..=b'~') && byte != b';';
        if !cookie.path.starts_with('/') || !cookie.path.bytes().all(in_attribute) {
            return refuse(
                "path",
                "a path begins with / and is ASCII without semicolons and control characters",
            );
        }
        let in_domain = |byte: u8| byte.is_ascii_alphanumeric() || b"-.".contains(&byte);
        if let Some(domain) = &cookie.domain
            && (domain.trim_matches('.').is_empty() || !domain.bytes().all(in_domain))
        {
            return refuse("domain", "a domain is made of letters, digits, - and .");
        }
        let begins = |prefix: &str| {
            let start = cookie.name.get(..prefix.len());
            start.is_some_and(|start| start.eq_ignore_ascii_case(prefix))
        };
        let bound_to_host = begins("__Host-");
        if bound_to_host && cookie.domain.is_some() {
            return refuse("domain", "a __Host- cookie has none");
        }
        if bound_to_host && cookie.path != "/" {
            return refuse("path", "a __Host- cookie has the path /");
        }
        if cookie.secure != Secure::Always {
            if cookie.same_site == Some(SameSite::None) {
                return refuse(
                    "secure",
                    "browsers keep SameSite=None with Secure::Always only",
                );
            }
            if bound_to_host || begins("__Secure-") {
                return refuse(
                    "secure",
                    "browsers keep __Host- and __Secure- cookies with Secure::Always only",
                );
            }
        }
        Ok(())
    }
}

/// An option that cannot work, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidOption {
    option: &'static str,
    reason: &'static str,
}

impl InvalidOption {
    /// The option's name, for instance `"same_site"`.
    #[must_use]
    pub fn option(&self) -> &'static str {
        self.option
    }
}

impl fmt::Display for InvalidOption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "session layer option `{}`: {}", self.option, self.reason)
    }
}

impl Error for InvalidOption {}

fn refuse(option: &'static str, reason: &'static str) -> Result<(), InvalidOption> {
    Err(InvalidOption { option, reason })
}

/// What RFC 9110 lets a token, and so a cookie's name, be made of.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}
