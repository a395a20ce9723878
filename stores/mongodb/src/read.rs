//! Reading, many keys in one command.

use std::collections::HashMap;
use std::time::Duration;

use mongodb::Collection;
use mongodb::bson::{RawDocument, RawDocumentBuf, doc};
use mongodb::options::{ReadPreference, SelectionCriteria};
use session_store_api::{Error, ErrorKind, Result, SessionKey};
use session_store_batch::{Batch, Failure, Sharing};

use crate::error::{STORE, error};

/// What runs batches of reads.
pub(crate) struct Reads {
    pub(crate) collection: Collection<RawDocumentBuf>,
    /// How long the server may take.
    pub(crate) patience: Duration,
}

/// Says of a record that has been read whether it lives, by the server's clock.
const LIVE: &str = "live";

impl Batch for Reads {
    type Call = SessionKey;
    type Answer = Result<Option<Vec<u8>>>;
    type Error = Error;

    fn weight(&self, key: &SessionKey) -> usize {
        key.as_bytes().len()
    }

    fn sharing<'a>(&self, _: &'a SessionKey) -> Sharing<'a> {
        Sharing::Free
    }

    async fn run(&self, keys: &[SessionKey]) -> Result<Vec<Self::Answer>, Failure<Error>> {
        let found = self.read(keys).await;
        let mut found = found.map_err(|cause| Failure::Whole(error(&cause)))?;
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
        let answers = keys.iter().map(answer);
        Ok(answers.map(Option::transpose).collect())
    }
}

impl Reads {
    /// The live values under these keys.
    async fn read(
        &self,
        keys: &[SessionKey],
    ) -> mongodb::error::Result<HashMap<String, Result<Vec<u8>>>> {
        let ids: Vec<&str> = keys.iter().map(SessionKey::as_str).collect();
        // One record by its `_id` alone is found without a plan.
        let filter = match ids[..] {
            [id] => doc! { "_id": id },
            _ => doc! { "_id": { "$in": ids } },
        };
        let live = doc! { "$gt": ["$expires_at", "$$NOW"] };
        let mut records = self
            .collection
            .find(filter)
            .projection(doc! { "value": 1, LIVE: live })
            // One more than there can be: then the first answer is the last.
            .batch_size(u32::try_from(keys.len()).map_or(u32::MAX, |keys| keys + 1))
            .max_time(self.patience)
            // Elsewhere a record may be missing that has just been written.
            .selection_criteria(SelectionCriteria::ReadPreference(ReadPreference::Primary))
            .await?;
        let mut found = HashMap::with_capacity(keys.len());
        while records.advance().await? {
            let record = records.current();
            if let (Ok(key), Ok(true)) = (record.get_str("_id"), record.get_bool(LIVE)) {
                found.insert(key.to_owned(), value(record));
            }
        }
        Ok(found)
    }
}

fn value(record: &RawDocument) -> Result<Vec<u8>> {
    match record.get_binary("value") {
        Ok(value) => Ok(value.bytes.to_vec()),
        Err(_) => Err(Error::new(
            ErrorKind::Corrupt,
            STORE,
            "a document holds no binary `value`; the collection is shared with something else",
        )),
    }
}
