//! The two traits, and the contract they stand for.

use std::fmt::{self, Debug};

use async_trait::async_trait;

use crate::{MaxAge, Result, SessionKey};

/// A place where sessions are kept: bytes under a key, for a while.
///
/// Three methods, none of them provided, so that a wrapper cannot forget to forward one.
///
/// # Using a store
///
/// ```
/// use std::time::Duration;
/// use session_store_api::{MaxAge, Result, SessionKey, SessionStore};
///
/// async fn visit(store: &dyn SessionStore, key: &SessionKey) -> Result<()> {
///     let seen = store.get(key).await?.is_some();
///     if !seen {
///         store.set(key, b"first visit", MaxAge::After(Duration::from_secs(3600))).await?;
///     }
///     Ok(())
/// }
/// ```
///
/// # Writing a store
///
/// Implement the three methods, then run the suite of the crate `session-store-conformance` against
/// it: it has a case for every clause below. A store never opts out of a clause; it declares facts
/// about itself (the *resolution* of its expiry, its largest value, whether it is *durable*, *shared*
/// or *evicts*), and is held to them.
///
/// A **record** is a value with its expiry; it is **live** until its max age has passed.
///
/// # Contract
///
/// * **C01** `get` of a key never set is `Ok(None)`; no set-up write is needed first.
/// * **C02** Bytes come back exactly: empty, NUL, all 256 values, invalid UTF-8, CR LF and protocol
///   words, 64 KiB, 1 MiB − 1 KiB.
/// * **C03** `set` over a live record replaces value *and* expiry, also with identical bytes, also
///   shorter over longer.
/// * **C04** Keys that differ in one byte, in case, in length or in a trailing character are
///   different; hostile but valid keys (quotes, `%`, `_`, `*`, `{}`, `$`, `/`, `..`, 200 bytes) work.
/// * **C05** `destroy` makes `get` answer `None`; destroying nothing, twice, or an expired record is
///   `Ok`.
/// * **C06** Never early: a record is readable until `max_age` after the call that wrote it was made,
///   unless it was evicted by a store that declares eviction.
/// * **C07** Never late: it is not readable from `resolution` after `max_age` on, counted from when that
///   call returned, whether or not anything has swept.
/// * **C08** [`MaxAge::After`] zero leaves nothing readable, also over a live record.
/// * **C09** Any duration is accepted: 1 ns, 1 ms, 999 ms, 30 days ± 1 s, 31 days, past 2038, past 2³¹
///   and 2³² seconds, [`Duration::MAX`]; clamped where the backend must, never wrapped, never immortal
///   by accident, never a panic.
/// * **C10** [`MaxAge::Session`] lives for the store's documented session lifetime (24 hours unless
///   set), never for ever.
/// * **C11** Clones and `Arc`s are the same store; two handles on one backend too, where *shared*.
/// * **C12** Concurrent sets of one key leave one of the values, whole, with its own expiry; readers
///   never see a mix.
/// * **C13** Dropping any call at any await point leaves the old record or the new one, and never
///   changes what a later call is answered.
/// * **C14** A backend that is down, hung or refusing is [`ErrorKind::Unavailable`] or
///   [`ErrorKind::Timeout`] within the configured time, never `Ok(None)`; when it is back, the same
///   handle works again.
/// * **C15** No key, value or password appears in any `Debug`, `Display`, error chain or log of the
///   store.
/// * **C16** A value over the limit is [`ErrorKind::TooLarge`], before it is sent where the limit is
///   known; afterwards the old record is either intact or gone as documented, never half.
/// * **C17** Two stores with different prefixes, tables, collections or databases never see each
///   other; nothing outside its own names is ever read, counted or deleted.
/// * **C18** Every future is `Send`; the store works behind `Arc<dyn …>`, on current-thread and
///   multi-thread runtimes, and with a pool of one connection under 1,000 concurrent callers.
/// * **C19** The process's clock, five minutes or a year off, and the backend's time zone change no
///   lifetime (not for stores on the process's own clock).
/// * **C20** *Durable*: records and their remaining life survive closing, reopening and a server
///   restart.
///
/// A constructor spawns no task, and dropping the last handle ends everything the store started.
///
/// [`Duration::MAX`]: std::time::Duration::MAX
/// [`ErrorKind::Unavailable`]: crate::ErrorKind::Unavailable
/// [`ErrorKind::Timeout`]: crate::ErrorKind::Timeout
/// [`ErrorKind::TooLarge`]: crate::ErrorKind::TooLarge
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a session store",
    note = "implement `get`, `set` and `destroy` under `#[async_trait]`, or pass a store by value, `&`, `Box` or `Arc`"
)]
#[async_trait]
pub trait SessionStore: Debug + Send + Sync {
    /// Answers the live value under `key`, or `None` if there is none.
    ///
    /// # Errors
    ///
    /// Never for a missing or expired record. A backend that cannot be asked is
    /// [`Unavailable`](crate::ErrorKind::Unavailable) or [`Timeout`](crate::ErrorKind::Timeout): an
    /// error read as "not found" would log everybody out.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future changes nothing.
    async fn get(&self, key: &SessionKey) -> Result<Option<Vec<u8>>>;

    /// Writes `value` under `key` to live for `max_age` from now, whatever stood there.
    ///
    /// # Errors
    ///
    /// [`TooLarge`](crate::ErrorKind::TooLarge) for a value over the store's limit;
    /// [`Unavailable`](crate::ErrorKind::Unavailable) or [`Timeout`](crate::ErrorKind::Timeout) if the
    /// backend did not confirm. After a timeout the write may still take effect.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves the old record or the new one, whole.
    async fn set(&self, key: &SessionKey, value: &[u8], max_age: MaxAge) -> Result<()>;

    /// Removes the record under `key`, if there is one.
    ///
    /// # Errors
    ///
    /// Never because there was nothing to remove; otherwise as [`set`](Self::set).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves the record or removes it, whole.
    async fn destroy(&self, key: &SessionKey) -> Result<()>;
}

/// A store whose backend can decide and write in one step.
///
/// With [`set`](SessionStore::set) alone, a request that finishes late brings a logged-out session
/// back, and two requests overwrite each other's changes. These two methods let a caller avoid both.
/// Every store of this workspace has them; a store of your own need not.
///
/// # Contract
///
/// Besides C01–C20 of [`SessionStore`]:
///
/// * **A01** [`Condition::Absent`] writes on a free key and on an expired one, swept or not; on a live
///   one it answers `false` and changes neither value nor expiry.
/// * **A02** [`Condition::Present`] writes on a live key; on a missing, destroyed or expired one it
///   answers `false` and creates nothing.
/// * **A03** [`Condition::Unchanged`] writes only if the live value is exactly these bytes (also
///   empty, also 1 MiB); otherwise it answers `false` and changes nothing.
/// * **A04** Of 64 concurrent `Absent` on one key exactly one answers `true`, and its value is there.
/// * **A05** 8 tasks × 50 increments by read and `Unchanged`, with retry: the counter ends at 400.
/// * **A06** After `destroy` has returned, no `Present`, `Unchanged` or `touch` begun before or after
///   it brings the record back.
/// * **A07** `touch` extends and shortens, keeps the value, answers `false` for missing and expired
///   keys and never revives; racing a `set` it never restores old bytes.
/// * **A08** The expiry rules C06–C10 hold for records written by `set_if` and renewed by `touch`.
/// * **A09** Per key the history of get, set, destroy, `set_if` and `touch` under concurrent callers is
///   linearizable.
///
/// ```
/// use session_store_api::{AtomicSessionStore, Condition, MaxAge, Result, SessionKey};
///
/// /// Adds one vote; loses none, however many add at once, and never revives a destroyed session.
/// async fn vote(store: &dyn AtomicSessionStore, key: &SessionKey) -> Result<()> {
///     while let Some(old) = store.get(key).await? {
///         let mut new = old.clone();
///         new.push(b'+');
///         if store.set_if(key, Condition::Unchanged(&old), &new, MaxAge::Session).await? {
///             break;
///         }
///     }
///     Ok(())
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an atomic session store",
    note = "this place needs `set_if` and `touch`; a store with only `get`, `set` and `destroy` goes where a `SessionStore` is asked for"
)]
#[async_trait]
pub trait AtomicSessionStore: SessionStore {
    /// Writes `value` to live for `max_age` if `condition` holds at that instant; says whether it did.
    ///
    /// # Errors
    ///
    /// As [`set`](SessionStore::set). A condition that does not hold is `Ok(false)`.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves the old record or the new one, whole.
    async fn set_if(
        &self,
        key: &SessionKey,
        condition: Condition<'_>,
        value: &[u8],
        max_age: MaxAge,
    ) -> Result<bool>;

    /// Restarts the life of a live record without rewriting it; `false` if there is none.
    ///
    /// # Errors
    ///
    /// As [`set`](SessionStore::set), but for `TooLarge`.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves the old expiry or the new one.
    async fn touch(&self, key: &SessionKey, max_age: MaxAge) -> Result<bool>;
}

/// What must hold for [`set_if`](AtomicSessionStore::set_if) to write. `Debug` never shows the bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "a new condition would be a new contract for every store"
)]
pub enum Condition<'a> {
    /// There is no live record.
    Absent,
    /// There is a live record, whatever its value.
    Present,
    /// There is a live record and its value is exactly these bytes.
    Unchanged(&'a [u8]),
}

impl Debug for Condition<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Absent => "Absent",
            Self::Present => "Present",
            Self::Unchanged(_) => "Unchanged(..)",
        })
    }
}
