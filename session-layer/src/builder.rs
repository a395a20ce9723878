//! The options of a layer.

mod build;
mod check;
mod hooks;

use std::sync::Arc;
use std::time::Duration;

use session_store_api::MaxAge;

pub use self::check::InvalidOption;
pub(crate) use self::check::check_domain;
use crate::cookie::line::Attributes;
use crate::hooks::Hooks;
use crate::mode::Source;
use crate::{
    Accept, ExternalKey, Keys, OnStoreError, Oversize, Priority, Profile, RequestFilter, SameSite,
    Secure,
};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Makes a [`SessionLayer`](crate::SessionLayer). The options have egg's names and defaults.
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
///
/// Hooks are given the head of the request, and so are a store that each request makes and an
/// [external key](Self::external_key): a layer with any of these copies the head of every request, also of
/// one that does not use its session.
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until `build` is called"]
pub struct SessionLayerBuilder {
    /// None: the session lives in its cookie.
    store: Option<Source>,
    keys: Keys,
    profile: Profile,
    accepted: Vec<Accept>,
    key: Option<String>,
    encrypt: Option<bool>,
    signed: bool,
    attributes: Attributes,
    auto_chips: bool,
    overwrite: bool,
    max_age: MaxAge,
    rolling: bool,
    renew: bool,
    auto_commit: bool,
    prefix: String,
    trust_proxy: bool,
    oversize: Oversize,
    on_store_error: OnStoreError,
    log_value: bool,
    enable: bool,
    only: Option<RequestFilter>,
    ignore: Option<RequestFilter>,
    external_key: Option<External>,
    hooks: Hooks,
}

/// What carries the id in place of a cookie.
#[derive(Clone)]
struct External(Arc<dyn ExternalKey>);

impl std::fmt::Debug for External {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("External")
    }
}

impl SessionLayerBuilder {
    pub(crate) fn new(store: Option<Source>, keys: Keys) -> Self {
        Self {
            store,
            keys,
            profile: Profile::Sealed,
            accepted: Vec::new(),
            key: None,
            encrypt: None,
            signed: true,
            attributes: Attributes {
                http_only: true,
                secure: Secure::Auto,
                same_site: None,
                path: "/".to_owned(),
                domain: None,
                priority: None,
                partitioned: false,
                remove_unpartitioned: false,
                profile: Profile::Sealed,
            },
            auto_chips: false,
            overwrite: true,
            max_age: MaxAge::After(DAY),
            rolling: false,
            renew: false,
            auto_commit: true,
            prefix: String::new(),
            trust_proxy: false,
            oversize: Oversize::Refuse,
            on_store_error: OnStoreError::Fail,
            log_value: true,
            enable: true,
            only: None,
            ignore: None,
            external_key: None,
            hooks: Hooks::default(),
        }
    }

    /// The form of the cookie. Default [`Profile::Sealed`].
    pub fn profile(mut self, profile: Profile) -> Self {
        self.profile = profile;
        self.attributes.profile = profile;
        self
    }

    /// A form of cookie that is read besides. May be called again for more. Default: none.
    pub fn accept(mut self, form: impl Into<Accept>) -> Self {
        self.accepted.push(form.into());
        self
    }

    /// The cookie's name. Default `EGG_SESS`; with [`Profile::Koa`] `koa.sess`.
    pub fn key(mut self, name: impl Into<String>) -> Self {
        self.key = Some(name.into());
        self
    }

    /// Whether the cookie is encrypted. Default true, but false with [`Profile::Koa`], which cannot.
    ///
    /// egg 4 means to encrypt by default and does not; `false` is what shares sessions with such a fleet.
    pub fn encrypt(mut self, encrypt: bool) -> Self {
        self.encrypt = Some(encrypt);
        self
    }

    /// Whether a cookie that is not encrypted is signed. Default true. With [`Profile::Sealed`] it has to be.
    ///
    /// Anybody can make a cookie that is neither encrypted nor signed, and with it, where the session lives
    /// in the cookie, any session.
    pub fn signed(mut self, signed: bool) -> Self {
        self.signed = signed;
        self
    }

    /// How long a session lives after it was last written. A duration, or [`MaxAge::Session`] for as
    /// long as the browser runs. A session keeps the lifetime it was written with. Default one day.
    pub fn max_age(mut self, max_age: impl Into<MaxAge>) -> Self {
        self.max_age = max_age.into();
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

    /// Whether the session is written when the response is ready. If not, nothing is written but by
    /// [`Session::commit`](crate::Session::commit) and [`Session::save`](crate::Session::save), and
    /// neither rolling nor renewing happens by itself. Default true.
    pub fn auto_commit(mut self, auto_commit: bool) -> Self {
        self.auto_commit = auto_commit;
        self
    }

    /// Whether scripts in the page are kept from reading the cookie. Default true.
    pub fn http_only(mut self, http_only: bool) -> Self {
        self.attributes.http_only = http_only;
        self
    }

    /// From which sites the browser sends the cookie. Default: the attribute is left out, as in egg,
    /// and the browser decides (most take [`SameSite::Lax`], which is the better choice).
    pub fn same_site(mut self, same_site: SameSite) -> Self {
        self.attributes.same_site = Some(same_site);
        self
    }

    /// Whether the browser sends the cookie over https alone. Default [`Secure::Auto`].
    pub fn secure(mut self, secure: impl Into<Secure>) -> Self {
        self.attributes.secure = secure.into();
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
        self.attributes.path = path.into();
        self
    }

    /// The domain whose hosts the browser sends the cookie to. Default: none, so to this host alone.
    pub fn domain(mut self, domain: impl Into<String>) -> Self {
        self.attributes.domain = Some(domain.into());
        self
    }

    /// Which cookies the browser drops last. Default: the attribute is left out.
    pub fn priority(mut self, priority: Priority) -> Self {
        self.attributes.priority = Some(priority);
        self
    }

    /// Whether the browser keeps another cookie for each site that embeds ours (CHIPS). Needs
    /// [`SameSite::None`]. Left out of responses that were not asked for over https. Default false.
    pub fn partitioned(mut self, partitioned: bool) -> Self {
        self.attributes.partitioned = partitioned;
        self
    }

    /// Whether the browser is told to forget the cookie of the same name that is not partitioned. For a
    /// site that had one. Default false.
    pub fn remove_unpartitioned(mut self, remove: bool) -> Self {
        self.attributes.remove_unpartitioned = remove;
        self
    }

    /// Whether the browser gets a partitioned cookie `_CHIPS-…` besides, which is read when it no longer
    /// sends the other. Needs [`SameSite::None`]. Default false.
    pub fn auto_chips(mut self, auto_chips: bool) -> Self {
        self.auto_chips = auto_chips;
        self
    }

    /// Whether lines of the response that set the same cookie are taken out. Default true.
    pub fn overwrite(mut self, overwrite: bool) -> Self {
        self.overwrite = overwrite;
        self
    }

    /// What every id begins with, so that one store can serve several applications. Default: nothing.
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// What to do with a session that is too large for its cookie. Default [`Oversize::Refuse`].
    pub fn oversize(mut self, oversize: Oversize) -> Self {
        self.oversize = oversize;
        self
    }

    /// What a handler gets while the store cannot be reached. Default [`OnStoreError::Fail`].
    pub fn on_store_error(mut self, on_store_error: OnStoreError) -> Self {
        self.on_store_error = on_store_error;
        self
    }

    /// Whether the log has the values of a session that expired or was refused by `valid`. Default true, as in
    /// egg. The log never has an id, but a short hash of it.
    pub fn log_value(mut self, log_value: bool) -> Self {
        self.log_value = log_value;
        self
    }

    /// Whether the layer does anything. If not, every request is as one that is
    /// [ignored](Self::ignore). Default true.
    pub fn enable(mut self, enable: bool) -> Self {
        self.enable = enable;
        self
    }

    /// The only requests that the layer serves; all others are [ignored](Self::ignore). egg's `match`.
    /// Default: all.
    pub fn only(mut self, filter: impl Into<RequestFilter>) -> Self {
        self.only = Some(filter.into());
        self
    }

    /// Requests whose session can be read but not changed, and is never renewed. Default: none.
    pub fn ignore(mut self, filter: impl Into<RequestFilter>) -> Self {
        self.ignore = Some(filter.into());
        self
    }

    /// Carries the id by other means than a cookie. Needs a store. Default: the cookie.
    pub fn external_key(mut self, external_key: impl ExternalKey + 'static) -> Self {
        self.external_key = Some(External(Arc::new(external_key)));
        self
    }
}
