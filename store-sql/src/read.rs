//! Reading, many keys in one statement.

use std::collections::HashMap;
use std::sync::Arc;

use session_store_api::{Error, Result, SessionKey};
use session_store_batch::{Batch, Failure, Sharing};
use tokio::time::Instant;

use crate::database::{Database, Reaction};
use crate::retry::{Patience, patiently};

/// What runs batches of reads.
pub(crate) struct Reads<D> {
    pub(crate) database: Arc<D>,
    pub(crate) patience: Patience,
}

impl<D: Database> Reads<D> {
    async fn read(
        &self,
        keys: &[&str],
        until: Instant,
    ) -> Result<Vec<(String, Vec<u8>)>, D::Failure> {
        let passes = |failure: &D::Failure| {
            matches!(D::reaction(failure), Reaction::Again | Reaction::Locked)
        };
        patiently(until, passes, || self.database.get(keys)).await
    }
}

impl<D: Database> Batch for Reads<D> {
    type Call = SessionKey;
    type Answer = Option<Vec<u8>>;
    type Error = Error;

    fn weight(&self, key: &SessionKey) -> usize {
        key.as_bytes().len()
    }

    fn sharing<'a>(&self, _: &'a SessionKey) -> Sharing<'a> {
        Sharing::Free
    }

    async fn run(&self, calls: &[SessionKey]) -> Result<Vec<Option<Vec<u8>>>, Failure<Error>> {
        let until = self.patience.ends();
        let keys: Vec<&str> = calls.iter().map(SessionKey::as_str).collect();
        let found = match self.read(&keys, until).await {
            // The connection may have died long ago, of a restart for instance. A second one will not have.
            Err(failure) if D::reaction(&failure) == Reaction::Broken => {
                self.read(&keys, until).await
            }
            found => found,
        };
        let found = found.map_err(|failure| Failure::Whole(D::error(failure)))?;
        let mut found: HashMap<String, Vec<u8>> = found.into_iter().collect();
        // The last of several readers of one key takes the value, those before it a copy.
        let mut readers: HashMap<&str, usize> = HashMap::with_capacity(keys.len());
        keys.iter()
            .for_each(|key| *readers.entry(key).or_default() += 1);
        let mut answer = |key: &str| {
            let left = readers.get_mut(key)?;
            *left -= 1;
            if *left == 0 {
                found.remove(key)
            } else {
                found.get(key).cloned()
            }
        };
        Ok(calls.iter().map(|key| answer(key.as_str())).collect())
    }
}
