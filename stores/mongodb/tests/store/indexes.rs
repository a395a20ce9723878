//! The index by which the server removes expired records.

use std::sync::{Arc, Mutex};
use std::time::Duration;
use std::{io, str};

use futures_util::future::try_join_all;
use session_store_api::{ErrorKind, SessionStore};
use session_store_mongodb::MongoDbStore;
use session_store_mongodb::mongodb::bson::doc;
use session_store_mongodb::mongodb::options::IndexOptions;
use session_store_mongodb::mongodb::{Client, IndexModel};
use tokio::time::{Instant, sleep};

use crate::{LASTING, expired, key, own, past, refused, shared, with};

/// A store through a client of the caller's, which creates nothing.
async fn bare(collection: &str) -> MongoDbStore {
    let client = Client::with_uri_str(shared().await.url()).await.unwrap();
    let store = MongoDbStore::new(client.default_database().unwrap());
    store.with_collection(collection).unwrap()
}

#[tokio::test]
async fn the_server_removes_what_expired() {
    let server = own().args(["--setParameter", "ttlMonitorSleepSecs=1"]);
    let server = server.start().await.unwrap();
    let store = MongoDbStore::connect(server.url()).await.unwrap();
    let collection = past(server.url(), "sessions").await;
    for number in 0..100 {
        let document = expired(&number.to_string());
        collection.insert_one(document).await.unwrap();
    }
    store.set(&key("live"), b"v", LASTING).await.unwrap();
    let began = Instant::now();
    while collection.count_documents(doc! {}).await.unwrap() > 1 {
        assert!(
            began.elapsed() < Duration::from_secs(60),
            "they are still there"
        );
        sleep(Duration::from_millis(50)).await;
    }
    assert!(store.get(&key("live")).await.unwrap().is_some());
}

#[tokio::test]
async fn many_may_migrate_at_once_and_again() {
    let mut stores = Vec::new();
    for _ in 0..10 {
        stores.push(bare("migrated").await);
    }
    try_join_all(stores.iter().map(MongoDbStore::migrate))
        .await
        .unwrap();
    let [store, ..] = &stores[..] else { panic!() };
    store.migrate().await.unwrap();
    store.check().await.unwrap();
    let collection = past(shared().await.url(), "migrated").await;
    let names = collection.list_index_names().await.unwrap();
    assert_eq!(names, ["_id_", "expires_at_1"]);
}

#[tokio::test]
async fn without_the_index_all_is_right_but_nothing_is_removed() {
    let store = bare("unindexed").await;
    refused(
        store.check().await,
        ErrorKind::Config,
        "`migrate()` creates it",
    );
    assert_eq!(store.get(&key("k")).await.unwrap(), None);
    store.set(&key("k"), b"v", LASTING).await.unwrap();
    let brief = Duration::from_millis(50);
    store.set(&key("brief"), b"v", brief.into()).await.unwrap();
    sleep(2 * brief).await;
    assert!(store.get(&key("k")).await.unwrap().is_some());
    assert_eq!(store.get(&key("brief")).await.unwrap(), None);
    refused(
        store.check().await,
        ErrorKind::Config,
        "`migrate()` creates it",
    );
    store.migrate().await.unwrap();
    store.check().await.unwrap();
}

#[tokio::test]
async fn a_collection_that_was_dropped_can_be_used_and_migrated_again() {
    let store = bare("dropped").await;
    store.migrate().await.unwrap();
    store.set(&key("k"), b"v", LASTING).await.unwrap();
    let collection = past(shared().await.url(), "dropped").await;
    collection.drop().await.unwrap();
    assert_eq!(store.get(&key("k")).await.unwrap(), None);
    store.destroy(&key("k")).await.unwrap();
    store.set(&key("k"), b"v", LASTING).await.unwrap();
    assert!(store.get(&key("k")).await.unwrap().is_some());
    refused(store.check().await, ErrorKind::Config, "no TTL index");
    store.migrate().await.unwrap();
    store.check().await.unwrap();
}

#[tokio::test]
async fn another_index_is_left_alone_and_warned_of() {
    let url = shared().await.url();
    for (name, options) in [
        ("plain_index", IndexOptions::default()),
        (
            "late_index",
            IndexOptions::builder()
                .expire_after(Duration::from_secs(3600))
                .build(),
        ),
    ] {
        let index = IndexModel::builder()
            .keys(doc! { "expires_at": 1 })
            .options(options);
        let collection = past(url, name).await;
        collection.create_index(index.build()).await.unwrap();
        let store = bare(name).await;
        refused(
            store.check().await,
            ErrorKind::Config,
            "not `expireAfterSeconds: 0`",
        );
        refused(store.migrate().await, ErrorKind::Config, "drop it");

        let log = Log::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt().with_writer(move || writer.clone());
        let guard = tracing::subscriber::set_default(subscriber.finish());
        let store = MongoDbStore::connect(&with(url, format!("collection={name}"))).await;
        drop(guard);
        let said = log.said();
        assert!(
            said.contains("WARN") && said.contains("expired records stay"),
            "{said}"
        );
        let store = store.unwrap();
        store.set(&key("k"), b"v", LASTING).await.unwrap();
        assert!(store.get(&key("k")).await.unwrap().is_some());
    }
}

#[tokio::test]
async fn an_index_on_some_records_only_is_told() {
    let (store, collection) = crate::store("some").await;
    collection.drop().await.unwrap();
    let options = doc! { "name": "some", "key": { "expires_at": 1 }, "expireAfterSeconds": 0,
    "partialFilterExpression": { "value": { "$exists": true } } };
    let command = doc! { "createIndexes": "some", "indexes": [options] };
    let database = collection.client().default_database().unwrap();
    database.run_command(command).await.unwrap();
    refused(
        store.check().await,
        ErrorKind::Config,
        "expired records stay",
    );
}

#[tokio::test]
async fn a_collation_that_folds_keys_is_refused() {
    let url = shared().await.url();
    let database = past(url, "x").await.client().default_database().unwrap();
    let collation = doc! { "locale": "en", "strength": 2 };
    let create = doc! { "create": "folded", "collation": collation };
    database.run_command(create).await.unwrap();
    let store = MongoDbStore::connect(&with(url, "collection=folded")).await;
    refused(store, ErrorKind::Config, "has a collation");
    refused(
        bare("folded").await.migrate().await,
        ErrorKind::Config,
        "has a collation",
    );
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn said(&self) -> String {
        str::from_utf8(&self.0.lock().unwrap()).unwrap().to_owned()
    }
}

impl io::Write for Log {
    fn write(&mut self, said: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(said)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
