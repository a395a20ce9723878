//! What one request knows of its session, and what it has asked for.

use std::sync::Arc;

use session_store_api::{MaxAge, SessionKey};

use crate::config::Config;
use crate::record::{self, Data, Record};
use crate::{Error, ErrorKind, Result};

/// The state of one request's session. Never locked across an await.
#[derive(Default)]
pub(crate) struct State {
    /// The session; nothing until a handler has touched it.
    pub(crate) view: Option<View>,
    /// Records that `destroy` has condemned and that the store may still have.
    pub(crate) doomed: Vec<SessionKey>,
    /// `destroy` has condemned the record that the request presented, whichever that is.
    pub(crate) dooms_presented: bool,
    /// The next write moves the session to a new id.
    pub(crate) regenerate: bool,
    /// The next write gives the session this life.
    pub(crate) max_age: Option<MaxAge>,
    /// The id that the next new record gets, as somebody has asked for it already.
    pub(crate) reserved: Option<SessionKey>,
    /// What the response tells the browser.
    pub(crate) change: Option<Change>,
    /// How often the session was destroyed: a write begun before must not bring it back.
    epoch: u64,
}

/// A session as its handlers see it.
pub(crate) struct View {
    /// The record it stands on; none for a new session.
    pub(crate) stored: Option<Stored>,
    pub(crate) data: Data,
    /// It began in this request.
    pub(crate) is_new: bool,
    pub(crate) read_only: bool,
}

/// A record as it was when we last looked.
#[derive(Clone)]
pub(crate) struct Stored {
    /// Its id in the store; none if it lives in the cookie.
    pub(crate) key: Option<SessionKey>,
    /// Exactly as the store has them: what `Condition::Unchanged` compares with. Or the cookie's text.
    pub(crate) bytes: Vec<u8>,
    pub(crate) record: Record,
}

/// What a client carries between its requests.
#[derive(Clone)]
pub(crate) enum Token {
    /// The id of a session in a store.
    Id(SessionKey),
    /// The session itself.
    Session(String),
}

/// What to tell the browser.
#[derive(Clone)]
pub(crate) enum Change {
    Set { token: Token, max_age: MaxAge },
    Clear,
}

/// One write, decided on and frozen, so that handlers may go on meanwhile.
pub(crate) struct Plan {
    pub(crate) stored: Option<Stored>,
    pub(crate) data: Data,
    pub(crate) max_age: Option<MaxAge>,
    pub(crate) regenerate: bool,
    /// The data as the handlers had it, also when `data` has moved on to merge with others'.
    snapshot: Data,
    epoch: u64,
}

/// How a write ended.
pub(crate) enum Outcome {
    /// The session is kept like this.
    Saved(Stored),
    /// It was destroyed elsewhere.
    Gone,
}

impl View {
    pub(crate) fn new(stored: Option<Stored>, read_only: bool) -> Self {
        Self {
            data: base(stored.as_ref()),
            is_new: stored.is_none(),
            stored,
            read_only,
        }
    }

    fn key(&self) -> Option<&SessionKey> {
        self.stored.as_ref()?.key.as_ref()
    }
}

impl Token {
    pub(crate) fn as_str(&self) -> &str {
        match self {
            Self::Id(key) => key.as_str(),
            Self::Session(text) => text,
        }
    }
}

impl State {
    /// Something was asked for that cannot be done without the record.
    pub(crate) fn wants_write(&self) -> bool {
        self.regenerate || self.max_age.is_some()
    }

    /// Something was condemned that the store may still have.
    pub(crate) fn dooms(&self) -> bool {
        self.dooms_presented || !self.doomed.is_empty()
    }

    /// The cookie has to go although there is no session: it cannot be read.
    pub(crate) fn is_unreadable(&self) -> bool {
        self.view.is_none() && matches!(self.change, Some(Change::Clear))
    }

    /// Condemns the session; what comes after is a new one.
    pub(crate) fn destroy(&mut self) {
        match self.view.take() {
            Some(view) if !view.read_only => self.doomed.extend(view.key().cloned()),
            _ => self.dooms_presented = true,
        }
        self.start_anew(Some(Change::Clear));
    }

    /// The id that the session has, or will have once it is written, if that is known.
    pub(crate) fn key(&self) -> Option<SessionKey> {
        let view = self.view.as_ref()?;
        match view.key() {
            Some(key) if !self.regenerate => Some(key.clone()),
            _ => self.reserved.clone(),
        }
    }

    /// Decides whether there is something to write.
    pub(crate) fn plan(&self, config: &Config, forced: bool) -> Result<Option<Plan>> {
        let Some(view) = &self.view else {
            return Ok(None);
        };
        if view.read_only {
            return match forced || self.wants_write() {
                true => Err(read_only()),
                false => Ok(None),
            };
        }
        let renews = |stored| self.regenerate || config.rolling || is_due(config, stored);
        let wanted = forced
            || self.max_age.is_some()
            || view.data != base(view.stored.as_ref())
            || view.stored.as_ref().is_some_and(renews);
        Ok(wanted.then(|| Plan {
            stored: view.stored.clone(),
            data: Arc::clone(&view.data),
            snapshot: Arc::clone(&view.data),
            max_age: self.max_age,
            regenerate: self.regenerate,
            epoch: self.epoch,
        }))
    }

    /// Takes note of how `plan` ended.
    pub(crate) fn adopt(&mut self, plan: &Plan, outcome: Outcome) {
        let Outcome::Saved(stored) = outcome else {
            if self.epoch == plan.epoch {
                // Not cleared: the browser may have a newer cookie by now, from the response of whoever
                // ended this session (a login moves it), and ours opens nothing any more.
                self.start_anew(None);
            }
            return;
        };
        if self.reserved == stored.key {
            self.reserved = None;
        }
        let Some(view) = self.view.as_mut().filter(|_| self.epoch == plan.epoch) else {
            self.doomed.extend(stored.key); // destroyed while it was being written
            return;
        };
        view.data = if Arc::ptr_eq(&view.data, &plan.snapshot) {
            Arc::clone(&stored.record.data)
        } else {
            record::merge(&plan.snapshot, &view.data, &stored.record.data)
        };
        self.change = Some(Change::set(&stored));
        view.stored = Some(stored);
        self.regenerate &= !plan.regenerate; // what was asked for meanwhile is still to be done
        if self.max_age == plan.max_age {
            self.max_age = None;
        }
    }

    fn start_anew(&mut self, change: Option<Change>) {
        self.view = Some(View::new(None, false));
        self.regenerate = false;
        self.max_age = None;
        self.reserved = None;
        self.change = change;
        self.epoch += 1;
    }
}

impl Change {
    /// The cookie ends with the record.
    pub(crate) fn set(stored: &Stored) -> Self {
        Self::Set {
            token: stored.token(),
            max_age: stored.record.max_age.unwrap_or(MaxAge::Session),
        }
    }

    /// The same under a new seal: the cookie lives for what is left.
    pub(crate) fn reseal(stored: &Stored) -> Self {
        let left = stored.record.remaining(record::now());
        Self::Set {
            token: stored.token(),
            max_age: left.map_or(MaxAge::Session, MaxAge::After),
        }
    }
}

impl Stored {
    fn token(&self) -> Token {
        match &self.key {
            Some(key) => Token::Id(key.clone()),
            None => Token::Session(String::from_utf8_lossy(&self.bytes).into_owned()),
        }
    }
}

impl Plan {
    /// What would be written now.
    pub(crate) fn record(&self, default: MaxAge) -> Record {
        let stored = self.stored.as_ref();
        let own = stored.and_then(|stored| stored.record.max_age);
        let max_age = self.max_age.or(own).unwrap_or(default);
        Record::new(Arc::clone(&self.data), max_age, record::now())
    }

    /// The id of the record that is replaced, if there is one.
    pub(crate) fn key(&self) -> Option<&SessionKey> {
        self.stored.as_ref()?.key.as_ref()
    }

    /// Only the end of the session would change.
    pub(crate) fn is_renewal(&self) -> bool {
        !self.regenerate && self.max_age.is_none() && self.data == base(self.stored.as_ref())
    }

    /// Puts our changes on top of `theirs`.
    pub(crate) fn rebase(&mut self, theirs: Stored) {
        let base = base(self.stored.as_ref());
        self.data = record::merge(&base, &self.data, &theirs.record.data);
        self.stored = Some(theirs);
    }
}

pub(crate) fn read_only() -> Error {
    Error::new(
        ErrorKind::ReadOnly,
        "this request's session cannot be changed",
    )
}

/// What the store had: the state from which changes count.
fn base(stored: Option<&Stored>) -> Data {
    stored.map_or_else(Data::default, |stored| Arc::clone(&stored.record.data))
}

/// `renew` is on and less than half of the life is left.
fn is_due(config: &Config, stored: &Stored) -> bool {
    let Some(MaxAge::After(life)) = stored.record.max_age else {
        return false;
    };
    let left = stored.record.remaining(record::now());
    config.renew && left.is_some_and(|left| left < life / 2)
}
