//! What all clones of a session share.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use http::header;
use http::request::Parts;
use http::uri::Scheme;
use session_store_api::SessionKey;

use crate::config::{Carrier, Config, CookieCarrier, Scope};
use crate::cookie::Cookies;
use crate::cookie::client::Client;
use crate::event::{self, SessionEventKind};
use crate::hooks;
use crate::mode::{Mode, Source, Store};
use crate::payload::Encoding;
use crate::profile::Opening;
use crate::state::{State, Token};
use crate::{Error, ErrorKind, Profile, Result, SameSite, id};

/// The session of one request, and what of the request it needs.
pub(crate) struct Shared {
    pub(crate) config: Arc<Config>,
    /// Kept for hooks, and only if there are any.
    pub(crate) head: Option<Arc<Parts>>,
    /// The request was told to have no session: it may look, and writes nothing.
    pub(crate) ignored: bool,
    pub(super) cookies: Cookies,
    pub(super) client: Client,
    presented: OnceLock<Presented>,
    store: OnceLock<Store>,
    /// Held while the store is asked, so that it is asked once.
    pub(crate) turn: tokio::sync::Mutex<()>,
    state: Mutex<State>,
}

/// What the request brings.
pub(crate) struct Presented {
    pub(crate) token: Option<Token>,
    /// It is under an old key or in another form, so the browser is to get it anew.
    pub(crate) reseals: bool,
    /// How a session in the cookie is read.
    pub(crate) encoding: Option<Encoding>,
}

impl Shared {
    pub(super) fn new(config: Arc<Config>, request: &Parts) -> Self {
        let head = config.keeps_head.then(|| Arc::new(request.clone()));
        Self {
            head,
            ignored: !config.scope.includes(request),
            cookies: Cookies::new(&request.headers),
            client: client(&config, request),
            config,
            presented: OnceLock::new(),
            store: OnceLock::new(),
            turn: tokio::sync::Mutex::default(),
            state: Mutex::default(),
        }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        // No code of others runs under the lock, so a poisoned state is still a whole one.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The head of the request, for a hook.
    pub(crate) fn kept_head(&self) -> Arc<Parts> {
        Arc::clone(
            self.head
                .as_ref()
                .expect("a layer with hooks keeps the request's head"),
        )
    }

    /// The store of this request. The caller has the turn.
    pub(crate) async fn store(&self) -> Result<&Store> {
        match &self.config.mode {
            Mode::Store(Source::Fixed(store)) => Ok(store),
            Mode::Store(Source::PerRequest(open)) => {
                if self.store.get().is_none() {
                    let store = open.call(self.kept_head(), ()).await?;
                    let _ = self.store.set(store); // whoever has the turn is alone
                }
                self.store.get().ok_or_else(no_store)
            }
            Mode::Cookie => Err(no_store()),
        }
    }

    /// What the request brings, if it is one thing and it opens. The caller has the turn.
    pub(crate) async fn presented(&self) -> Result<&Presented> {
        if let Some(presented) = self.presented.get() {
            return Ok(presented);
        }
        let presented = match &self.config.carrier {
            Carrier::Cookie(carrier) => self.open(carrier),
            Carrier::External(external) => {
                let head = self.kept_head();
                let brought = external.get(&head).await;
                let brought = brought.map_err(|error| hooks::failed("external_key", error))?;
                let token = brought.as_deref().and_then(|text| self.recognise(text));
                if brought.is_some_and(|text| !text.is_empty()) && token.is_none() {
                    event::tell(self, SessionEventKind::Invalid, None, None);
                }
                Presented {
                    token,
                    reseals: false,
                    encoding: None,
                }
            }
        };
        Ok(self.presented.get_or_init(|| presented))
    }

    /// Committing takes a record that nobody has read yet.
    pub(crate) fn needs_record(&self) -> bool {
        let (unread, wanted) = {
            let state = self.state();
            (state.view.is_none(), state.wants_write())
        };
        let renews = || (self.config.rolling || self.config.renew) && self.may_bring();
        unread && (wanted || renews())
    }

    /// The id for a new record: the one that was promised, or a new one. The caller has the turn.
    pub(crate) async fn new_id(&self) -> Result<SessionKey> {
        let reserved = self.state().reserved.clone();
        match (reserved, &self.config.hooks.genid) {
            (Some(key), _) => Ok(key),
            (None, None) => id::generate(&self.config.prefix),
            (None, Some(genid)) => {
                let made = genid.call(self.kept_head(), ()).await?;
                id::recognise_any(&made).ok_or_else(|| {
                    Error::new(
                        ErrorKind::Hook,
                        "the hook `genid` made no id that a cookie can hold",
                    )
                })
            }
        }
    }

    /// Without opening anything: whether the request may bring a session.
    fn may_bring(&self) -> bool {
        match &self.config.carrier {
            Carrier::Cookie(carrier) => carrier
                .codecs()
                .any(|(codec, _)| self.cookies.has(codec.name())),
            Carrier::External(_) => true,
        }
    }

    fn open(&self, carrier: &CookieCarrier) -> Presented {
        let mut forged = false;
        for (codec, is_own) in carrier.codecs() {
            let Opening::Open(opened) = (match codec.open(&self.cookies) {
                Opening::Absent => continue,
                opening => opening,
            }) else {
                forged = true;
                continue;
            };
            match self.recognise(&opened.text) {
                None => forged = true,
                token => {
                    return Presented {
                        token,
                        reseals: opened.by_old_key || !is_own,
                        encoding: Some(codec.encoding().clone()),
                    };
                }
            }
        }
        if forged {
            event::tell(self, SessionEventKind::Invalid, None, None);
        }
        Presented {
            token: None,
            reseals: false,
            encoding: None,
        }
    }

    /// No store sees an id that is not of the form of ours.
    fn recognise(&self, text: &str) -> Option<Token> {
        match &self.config.mode {
            Mode::Cookie => Some(Token::Session(text.to_owned())),
            Mode::Store(_) if self.config.hooks.genid.is_some() => {
                id::recognise_any(text).map(Token::Id)
            }
            Mode::Store(_) => id::recognise(&self.config.prefix, text).map(Token::Id),
        }
    }
}

impl Scope {
    fn includes(&self, request: &Parts) -> bool {
        match self {
            Self::All => true,
            Self::None => false,
            Self::Only(filter) => filter.holds(request),
            Self::Except(filter) => !filter.holds(request),
        }
    }
}

fn client(config: &Config, request: &Parts) -> Client {
    let sniffs = match &config.carrier {
        Carrier::Cookie(carrier) => {
            let attributes = &carrier.attributes;
            attributes.profile == Profile::Egg && attributes.same_site == Some(SameSite::None)
        }
        Carrier::External(_) => false,
    };
    let user_agent = || request.headers.get(header::USER_AGENT).cloned();
    Client {
        https: is_https(config, request),
        user_agent: sniffs.then(user_agent).flatten(),
    }
}

fn is_https(config: &Config, request: &Parts) -> bool {
    let proxied = || {
        let proto = request.headers.get("x-forwarded-proto")?.to_str().ok()?;
        let first = proto.split(',').next()?;
        Some(first.trim().eq_ignore_ascii_case("https"))
    };
    request.uri.scheme() == Some(&Scheme::HTTPS) || (config.trust_proxy && proxied() == Some(true))
}

fn no_store() -> Error {
    Error::new(ErrorKind::Store, "this layer has no store")
}
