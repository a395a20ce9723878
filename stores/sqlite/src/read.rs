//! Reading, many keys in one statement.

use std::collections::HashMap;
use std::sync::Arc;

use session_store_api::{Error, Result, SessionKey};
use session_store_batch::{Batch, Failure, Sharing};
use sqlx::{Row, SqlitePool};

use crate::error::error;
use crate::patience::{Patience, patiently};
use crate::statements::Statements;

/// What runs batches of reads.
pub(crate) struct Reads {
    pub(crate) pool: SqlitePool,
    pub(crate) statements: Arc<Statements>,
    /// How long a statement waits for a locked database.
    pub(crate) patience: Patience,
}

impl Batch for Reads {
    type Call = SessionKey;
    type Answer = Option<Vec<u8>>;
    type Error = Error;

    fn weight(&self, key: &SessionKey) -> usize {
        key.as_bytes().len()
    }

    fn sharing<'a>(&self, _: &'a SessionKey) -> Sharing<'a> {
        Sharing::Free
    }

    async fn run(&self, keys: &[SessionKey]) -> Result<Vec<Option<Vec<u8>>>, Failure<Error>> {
        let found = patiently(self.patience.ends(), || self.read(keys)).await;
        let mut found = found.map_err(|cause| Failure::Whole(error(cause)))?;
        // The last of several readers of one key takes the value, those before it a copy.
        let mut readers: HashMap<&SessionKey, usize> = HashMap::with_capacity(keys.len());
        keys.iter()
            .for_each(|key| *readers.entry(key).or_default() += 1);
        let answer = |key: &SessionKey| {
            let left = readers.get_mut(key)?;
            *left -= 1;
            if *left == 0 {
                found.remove(key.as_str())
            } else {
                found.get(key.as_str()).cloned()
            }
        };
        Ok(keys.iter().map(answer).collect())
    }
}

impl Reads {
    /// The live values under these keys.
    async fn read(&self, keys: &[SessionKey]) -> sqlx::Result<HashMap<String, Vec<u8>>> {
        let (text, nulls) = self.statements.get.of(keys.len());
        let mut query = sqlx::query(text);
        for key in keys {
            query = query.bind(key.as_str());
        }
        for _ in 0..nulls {
            query = query.bind(None::<&str>);
        }
        let rows = if keys.len() == 1 {
            // One row is all there can be: nothing more is waited for.
            query
                .fetch_optional(&self.pool)
                .await?
                .into_iter()
                .collect()
        } else {
            query.fetch_all(&self.pool).await?
        };
        rows.iter()
            .map(|row| Ok((row.try_get(0)?, row.try_get(1)?)))
            .collect()
    }
}
