//! What is MongoDB's own: documents, indexes, rights, fail-over.
#![allow(clippy::unwrap_used, reason = "a test panics on the unexpected")]

use std::error::Error as _;
use std::fmt::Display;
use std::time::Duration;

use session_store_api::{Error, ErrorKind, MaxAge, SessionKey};
use session_store_mongodb::MongoDbStore;
use session_store_mongodb::mongodb::bson::spec::BinarySubtype;
use session_store_mongodb::mongodb::bson::{Binary, DateTime, Document, doc};
use session_store_mongodb::mongodb::{Client, Collection};
use test_servers::{Kind, TestServer, TestServerBuilder};
use tokio::sync::OnceCell;

mod access;
mod clock;
mod closing;
mod concern;
mod failover;
mod indexes;
mod lost;
mod records;
mod trips;
mod urls;

/// Longer than any test.
const LASTING: MaxAge = MaxAge::After(Duration::from_secs(3600));

fn key(name: impl Display) -> SessionKey {
    SessionKey::new(name.to_string()).unwrap()
}

/// A server for the tests that break nothing, each with a collection of its own.
async fn shared() -> &'static TestServer {
    static SERVER: OnceCell<TestServer> = OnceCell::const_new();
    let start = async || TestServer::start(Kind::MongoDb).await.unwrap();
    SERVER.get_or_init(start).await
}

/// A server for one test.
fn own() -> TestServerBuilder {
    TestServer::builder(Kind::MongoDb).own()
}

/// A URL with one more parameter.
fn with(url: &str, parameter: impl Display) -> String {
    let separator = if url.contains('?') { '&' } else { '?' };
    format!("{url}{separator}{parameter}")
}

/// A store in this collection of the shared server, and the collection past the store.
async fn store(collection: &str) -> (MongoDbStore, Collection<Document>) {
    let url = shared().await.url();
    let store = MongoDbStore::connect(&with(url, format!("collection={collection}"))).await;
    (store.unwrap(), past(url, collection).await)
}

/// A collection as somebody else sees it.
async fn past(url: &str, collection: &str) -> Collection<Document> {
    let client = Client::with_uri_str(url).await.unwrap();
    client.default_database().unwrap().collection(collection)
}

/// A document as the store writes it, that ended long ago.
fn expired(key: &str) -> Document {
    let value = Binary {
        subtype: BinarySubtype::Generic,
        bytes: b"old".to_vec(),
    };
    doc! { "_id": key, "value": value, "expires_at": DateTime::from_millis(1) }
}

/// The error of something that must not work, and all that it shows.
fn refused<T>(answer: Result<T, Error>, kind: ErrorKind, hint: &str) -> String {
    let error = answer.err().expect("an error");
    assert_eq!(error.kind(), kind, "{error}: {error:?}");
    assert!(
        error.to_string().contains(hint),
        "{hint:?} is not in: {error}"
    );
    let mut shown = format!("{error} {error:?}");
    let mut source = error.source();
    while let Some(cause) = source {
        shown += &format!(" {cause} {cause:?}");
        source = cause.source();
    }
    shown
}
