//! How writes are confirmed, and where reads go.

use std::time::Duration;

use session_store_api::{AtomicSessionStore, Condition, ErrorKind, SessionStore};
use session_store_mongodb::MongoDbStore;
use session_store_mongodb::mongodb::Client;
use session_store_mongodb::mongodb::bson::{Document, doc};
use session_store_mongodb::mongodb::options::{Acknowledgment, DatabaseOptions, WriteConcern};
use test_servers::{Node, TestServer};

use crate::{LASTING, key, own, refused, shared, with};

#[tokio::test]
async fn without_a_majority_writes_are_not_confirmed_and_reads_go_to_the_primary() {
    let set = own().replica_set(3).start().await.unwrap();
    // Whatever the caller's client prefers.
    let url = with(set.url(), "readPreference=secondary");
    let client = Client::with_uri_str(url).await.unwrap();
    let store = MongoDbStore::new(client.database("sessions"));
    store.migrate().await.unwrap();
    let key = key("k");
    store.set(&key, b"confirmed", LASTING).await.unwrap();

    let primary = set.primary().await.unwrap().address();
    let is_other = |node: &&Node| node.address() != primary;
    for node in set.nodes().iter().filter(is_other) {
        node.pause().await.unwrap();
    }
    let read = store.get(&key).await;
    assert_eq!(read.unwrap().as_deref(), Some(&b"confirmed"[..]));
    let store = store.with_timeout(Duration::from_secs(2)).unwrap();
    let other = crate::key("other");
    let (written, destroyed) =
        tokio::join!(store.set(&key, b"alone", LASTING), store.destroy(&other));
    for unconfirmed in [written, destroyed] {
        let error = unconfirmed.unwrap_err();
        // Nobody confirms it in time, or the server finds meanwhile that it is primary no more.
        assert!(error.kind().is_transient(), "{error:?}");
    }
}

/// Writes that nobody confirms would all seem to hold.
#[tokio::test]
async fn a_database_without_confirmation_is_asked_for_it_all_the_same() {
    let client = Client::with_uri_str(shared().await.url()).await.unwrap();
    let nobody = WriteConcern::builder().w(Acknowledgment::Nodes(0)).build();
    let options = DatabaseOptions::builder().write_concern(nobody).build();
    let store = MongoDbStore::new(client.database_with_options("sessions", options));
    let store = store.with_collection("unconfirmed").unwrap();
    let key = key("k");
    let present = Condition::Present;
    assert!(!store.set_if(&key, present, b"v", LASTING).await.unwrap());
    assert!(!store.touch(&key, LASTING).await.unwrap());
    assert_eq!(store.get(&key).await.unwrap(), None);
}

/// A command that nobody waits for any more is not carried out.
#[tokio::test]
async fn every_command_tells_the_server_when_to_give_up() {
    let server = own().args(["--setParameter", "enableTestCommands=1"]);
    let server = server.start().await.unwrap();
    let store = MongoDbStore::connect(server.url()).await.unwrap();
    let key = key("k");
    store.set(&key, b"v", LASTING).await.unwrap();
    // What has a limit is over it at once.
    fail(
        &server,
        doc! { "configureFailPoint": "maxTimeAlwaysTimeOut", "mode": "alwaysOn" },
    )
    .await;
    let hint = "the server could not do it in time";
    refused(store.get(&key).await, ErrorKind::Timeout, hint);
    let written = store.set(&key, b"w", LASTING).await;
    refused(written, ErrorKind::Timeout, hint);
    refused(store.touch(&key, LASTING).await, ErrorKind::Timeout, hint);
    refused(store.destroy(&key).await, ErrorKind::Timeout, hint);
}

async fn fail(server: &TestServer, command: Document) {
    let client = Client::with_uri_str(server.url()).await.unwrap();
    client.database("admin").run_command(command).await.unwrap();
}
