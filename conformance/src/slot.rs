//! One key of a store, and what a case does and expects there.

use std::fmt::Display;
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use session_store_api::{AtomicSessionStore, Condition, Error, MaxAge, SessionKey, SessionStore};

use crate::case::Finding;
use crate::life::{Life, Seen};
use crate::suite::Handle;

/// Longer than any run; the suite leaves nothing behind for longer.
pub(crate) const LASTING: Duration = Duration::from_secs(600);

/// One key of a store, and what a case does and expects there. Cheap to clone.
///
/// Verbs that expect (`holds`, `is_gone`, `writes_if`, …) answer a reason when the store does something
/// else. No reason shows the key.
#[derive(Clone)]
pub(crate) struct Slot {
    handle: Handle,
    key: SessionKey,
    resolution: Duration,
}

impl Slot {
    pub(crate) fn new(handle: Handle, key: SessionKey, resolution: Duration) -> Self {
        Self {
            handle,
            key,
            resolution,
        }
    }

    /// The same key in another store.
    pub(crate) fn on(&self, handle: &Handle) -> Self {
        Self::new(handle.clone(), self.key.clone(), self.resolution)
    }

    /// Another key in the same store.
    pub(crate) fn at(&self, key: SessionKey) -> Self {
        Self::new(self.handle.clone(), key, self.resolution)
    }

    pub(crate) fn key(&self) -> &SessionKey {
        &self.key
    }

    pub(crate) fn store(&self) -> &Arc<dyn SessionStore> {
        &self.handle.plain
    }

    pub(crate) fn atomic(&self) -> Result<&Arc<dyn AtomicSessionStore>, String> {
        self.handle
            .atomic
            .as_ref()
            .ok_or_else(|| "the store is not atomic".to_owned())
    }

    /// How late the store may notice an expiry.
    pub(crate) fn resolution(&self) -> Duration {
        self.resolution
    }

    pub(crate) async fn get(&self) -> Result<Option<Vec<u8>>, String> {
        let answer = self.store().get(&self.key).await;
        answer.map_err(|error| unexpected("get", &error))
    }

    pub(crate) async fn set(
        &self,
        value: &[u8],
        max_age: impl Into<MaxAge>,
    ) -> Result<Life, String> {
        let max_age = max_age.into();
        let began = Instant::now();
        match self.store().set(&self.key, value, max_age).await {
            Ok(()) => Ok(Life::new(began, Instant::now(), max_age)),
            Err(error) => Err(unexpected(
                format_args!("set of {} for {max_age:?}", shown(value)),
                &error,
            )),
        }
    }

    pub(crate) async fn destroy(&self) -> Finding {
        let answer = self.store().destroy(&self.key).await;
        answer.map_err(|error| unexpected("destroy", &error))
    }

    pub(crate) async fn set_if(
        &self,
        condition: Condition<'_>,
        value: &[u8],
        max_age: impl Into<MaxAge>,
    ) -> Result<bool, String> {
        let store = self.atomic()?;
        let answer = store
            .set_if(&self.key, condition, value, max_age.into())
            .await;
        answer.map_err(|error| unexpected(format_args!("set_if {condition:?}"), &error))
    }

    pub(crate) async fn touch(&self, max_age: impl Into<MaxAge>) -> Result<bool, String> {
        let answer = self.atomic()?.touch(&self.key, max_age.into()).await;
        answer.map_err(|error| unexpected("touch", &error))
    }

    /// Expects exactly `value` to be there.
    pub(crate) async fn holds(&self, value: &[u8]) -> Finding {
        match self.get().await? {
            Some(seen) if seen == value => Ok(()),
            seen => Err(differs(value, seen.as_deref())),
        }
    }

    /// Expects nothing to be there.
    pub(crate) async fn is_gone(&self) -> Finding {
        match self.get().await? {
            None => Ok(()),
            Some(seen) => Err(format!("expected None, saw {}", shown(&seen))),
        }
    }

    /// Expects `condition` to hold.
    pub(crate) async fn writes_if(
        &self,
        condition: Condition<'_>,
        value: &[u8],
        max_age: impl Into<MaxAge>,
    ) -> Result<Life, String> {
        let max_age = max_age.into();
        let began = Instant::now();
        if self.set_if(condition, value, max_age).await? {
            Ok(Life::new(began, Instant::now(), max_age))
        } else {
            Err(format!("expected set_if {condition:?} to write, saw false"))
        }
    }

    /// Expects `condition` not to hold.
    pub(crate) async fn refuses_if(&self, condition: Condition<'_>, value: &[u8]) -> Finding {
        if self.set_if(condition, value, LASTING).await? {
            Err(format!("expected set_if {condition:?} to refuse, saw true"))
        } else {
            Ok(())
        }
    }

    /// Renews a live record, if there is one, and says what its life is then.
    pub(crate) async fn renew(&self, max_age: impl Into<MaxAge>) -> Result<Option<Life>, String> {
        let max_age = max_age.into();
        let began = Instant::now();
        let touched = self.touch(max_age).await?;
        Ok(touched.then(|| Life::new(began, Instant::now(), max_age)))
    }

    /// Expects a live record to be renewed.
    pub(crate) async fn is_touched(&self, max_age: impl Into<MaxAge>) -> Result<Life, String> {
        let life = self.renew(max_age).await?;
        life.ok_or_else(|| "expected touch to renew, saw false".to_owned())
    }

    /// Expects no live record to renew.
    pub(crate) async fn refuses_touch(&self) -> Finding {
        if self.touch(LASTING).await? {
            Err("expected touch to find nothing, saw true".to_owned())
        } else {
            Ok(())
        }
    }

    /// Writes a value that has expired when this returns, and that nobody has read since.
    pub(crate) async fn expires(&self, value: &[u8]) -> Finding {
        let life = self.set(value, Duration::from_millis(1)).await?;
        life.over(self.resolution).await;
        Ok(())
    }

    /// Expects what `write` writes, which is `value` for the max age it is given, to be readable for
    /// just that long. A machine too slow to see the end of the life is given a longer one.
    pub(crate) async fn lives<W, F>(&self, value: &[u8], max_age: Duration, write: W) -> Finding
    where
        W: Fn(Duration) -> F + Sync,
        F: Future<Output = Result<Life, String>> + Send,
    {
        let write = async |max_age| Ok((self.clone(), write(max_age).await?));
        self.lives_where(value, max_age, write).await
    }

    /// The same where `write` says in which slot the record lives.
    pub(crate) async fn lives_where<W, F>(
        &self,
        value: &[u8],
        mut max_age: Duration,
        write: W,
    ) -> Finding
    where
        W: Fn(Duration) -> F + Sync,
        F: Future<Output = Result<(Self, Life), String>> + Send,
    {
        for _ in 0..8 {
            let (slot, life) = write(max_age).await?;
            match life.watch(&slot, value).await? {
                Seen::Whole => return Ok(()),
                Seen::TooLate => max_age *= 2,
            }
        }
        Err(format!(
            "no read met the end of a life of {:?}: the store or the machine is too slow",
            max_age / 2
        ))
    }
}

/// Adds to a reason when it was found.
pub(crate) trait When {
    /// `holds(..).await.when("after destroy")?`
    fn when(self, moment: impl Display) -> Self;
}

impl<T> When for Result<T, String> {
    fn when(self, moment: impl Display) -> Self {
        self.map_err(|reason| format!("{moment}: {reason}"))
    }
}

/// A value as a reason shows it: short text as it is, anything else by its length.
pub(crate) fn shown(value: &[u8]) -> String {
    match std::str::from_utf8(value) {
        Ok(text) if (1..=40).contains(&text.len()) && !text.contains(char::is_control) => {
            format!("{text:?}")
        }
        _ => format!("{} bytes", value.len()),
    }
}

/// How what was seen differs from what was expected.
pub(crate) fn differs(expected: &[u8], seen: Option<&[u8]>) -> String {
    let Some(seen) = seen else {
        return format!("expected {}, saw None", shown(expected));
    };
    let at = expected.iter().zip(seen).position(|(a, b)| a != b);
    let at = at.unwrap_or(expected.len().min(seen.len()));
    format!(
        "expected {}, saw {}, which differs from byte {at} on",
        shown(expected),
        shown(seen)
    )
}

/// A verb that should have been answered, and was not.
pub(crate) fn unexpected(call: impl Display, error: &Error) -> String {
    format!("{call}: expected an answer, saw {error}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_is_shown_by_its_place() {
        assert_eq!(differs(b"v", None), "expected \"v\", saw None");
        assert_eq!(
            differs(b"one", Some(b"ore")),
            "expected \"one\", saw \"ore\", which differs from byte 1 on"
        );
        assert_eq!(
            differs(&[0; 50], Some(&[0; 49])),
            "expected 50 bytes, saw 49 bytes, which differs from byte 49 on"
        );
    }
}
