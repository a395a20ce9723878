//! Stores that are no stores: what passes one of them proves nothing.

use async_trait::async_trait;
use session_store_api::{Condition, ErrorKind, MaxAge, Result, SessionKey};

use super::mutant::{Deviation, Mutant};
use super::reference::{Reference, error};

pub(crate) fn mutants() -> [Mutant; 2] {
    [
        Mutant::new("", "keeps nothing and never complains", || KeepsNothing),
        Mutant::new("", "answers an error to everything", || AlwaysFails),
    ]
}

struct KeepsNothing;

#[async_trait]
impl Deviation for KeepsNothing {
    async fn get(&self, _store: &Reference, _key: &SessionKey) -> Result<Option<Vec<u8>>> {
        Ok(None)
    }

    async fn set(
        &self,
        _store: &Reference,
        _key: &SessionKey,
        _value: &[u8],
        _max_age: MaxAge,
    ) -> Result<()> {
        Ok(())
    }

    async fn destroy(&self, _store: &Reference, _key: &SessionKey) -> Result<()> {
        Ok(())
    }

    async fn set_if(
        &self,
        _store: &Reference,
        _key: &SessionKey,
        _condition: Condition<'_>,
        _value: &[u8],
        _max_age: MaxAge,
    ) -> Result<bool> {
        Ok(false)
    }

    async fn touch(&self, _store: &Reference, _key: &SessionKey, _max_age: MaxAge) -> Result<bool> {
        Ok(false)
    }
}

struct AlwaysFails;

#[async_trait]
impl Deviation for AlwaysFails {
    async fn get(&self, _store: &Reference, _key: &SessionKey) -> Result<Option<Vec<u8>>> {
        Err(error(ErrorKind::Unavailable, "no connection"))
    }

    async fn set(
        &self,
        _store: &Reference,
        _key: &SessionKey,
        _value: &[u8],
        _max_age: MaxAge,
    ) -> Result<()> {
        Err(error(ErrorKind::Unavailable, "no connection"))
    }

    async fn destroy(&self, _store: &Reference, _key: &SessionKey) -> Result<()> {
        Err(error(ErrorKind::Unavailable, "no connection"))
    }

    async fn set_if(
        &self,
        _store: &Reference,
        _key: &SessionKey,
        _condition: Condition<'_>,
        _value: &[u8],
        _max_age: MaxAge,
    ) -> Result<bool> {
        Err(error(ErrorKind::Unavailable, "no connection"))
    }

    async fn touch(&self, _store: &Reference, _key: &SessionKey, _max_age: MaxAge) -> Result<bool> {
        Err(error(ErrorKind::Unavailable, "no connection"))
    }
}
