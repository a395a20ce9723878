//! The collection: the index by which the server removes expired records.

use std::time::Duration;

use mongodb::bson::{RawDocumentBuf, doc};
use mongodb::error::ErrorKind as DriverKind;
use mongodb::options::IndexOptions;
use mongodb::{Collection, IndexModel};
use session_store_api::Result;

use crate::error::{config, error};

/// What stands in the way of expired records being removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flaw {
    /// There is no index on `expires_at`.
    Missing,
    /// There is one that does not remove them, or not at once.
    Other,
}

impl Flaw {
    pub(crate) fn message(self) -> &'static str {
        match self {
            Self::Missing => {
                "expired records stay: the collection has no TTL index on `expires_at`; `migrate()` creates it"
            }
            Self::Other => {
                "expired records stay: the index on `expires_at` has not `expireAfterSeconds: 0`; \
                 drop it and call `migrate()`"
            }
        }
    }
}

/// What is wrong with the index, if anything.
pub(crate) async fn inspect(collection: &Collection<RawDocumentBuf>) -> Result<Option<Flaw>> {
    let mut flaw = Some(Flaw::Missing);
    let mut indexes = match collection.list_indexes().await {
        Ok(indexes) => indexes,
        Err(cause) if is_no_collection(&cause) => return Ok(flaw),
        Err(cause) => return Err(error(&cause)),
    };
    while indexes.advance().await.map_err(|cause| error(&cause))? {
        let index = indexes
            .deserialize_current()
            .map_err(|cause| error(&cause))?;
        let options = index.options.unwrap_or_default();
        if index.keys == doc! { "_id": 1 } && options.collation.is_some() {
            return Err(config(
                "the collection has a collation, by which different keys may be one; name another with `collection`",
            ));
        }
        if index.keys == doc! { "expires_at": 1 } {
            let removes = options.expire_after == Some(Duration::ZERO)
                && options.partial_filter_expression.is_none();
            flaw = (!removes).then_some(Flaw::Other);
        }
    }
    Ok(flaw)
}

/// Creates the index, and the collection with it. Any number of processes may do so at once.
pub(crate) async fn create(collection: &Collection<RawDocumentBuf>) -> Result<()> {
    let options = IndexOptions::builder()
        .name("expires_at_1".to_owned())
        .expire_after(Duration::ZERO)
        .build();
    let index = IndexModel::builder()
        .keys(doc! { "expires_at": 1 })
        .options(options)
        .build();
    match collection.create_index(index).await {
        Ok(_) => Ok(()),
        Err(cause) => Err(error(&cause)),
    }
}

fn is_no_collection(error: &mongodb::error::Error) -> bool {
    matches!(&*error.kind, DriverKind::Command(command) if command.code == 26)
}
