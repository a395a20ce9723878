//! What a store starts, and that it ends.

use std::time::Duration;

use session_store_api::SessionStore;
use session_store_mongodb::MongoDbStore;
use session_store_mongodb::mongodb::Client;
use tokio::runtime::{Builder, Handle};
use tokio::time::{Instant, sleep};

use crate::{LASTING, key, shared};

fn tasks() -> usize {
    Handle::current().metrics().num_alive_tasks()
}

#[tokio::test]
async fn the_last_handle_ends_what_the_store_started() {
    let url = shared().await.url().to_owned();
    let before = tasks();
    let store = MongoDbStore::connect(&url).await.unwrap();
    let clone = store.clone().with_collection("closing").unwrap();
    clone.set(&key("k"), b"v", LASTING).await.unwrap();
    assert!(tasks() > before, "the driver watches the server");
    drop(store);
    assert!(clone.get(&key("k")).await.unwrap().is_some());
    drop(clone);
    let began = Instant::now();
    while tasks() > before {
        let left = tasks() - before;
        assert!(
            began.elapsed() < Duration::from_secs(60),
            "{left} tasks are left"
        );
        sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn new_starts_nothing() {
    let client = Client::with_uri_str(shared().await.url()).await.unwrap();
    let database = client.default_database().unwrap();
    let before = tasks();
    let store = MongoDbStore::new(database).with_collection("new").unwrap();
    assert_eq!(tasks(), before);
    drop(store);
    // The client is the caller's, and goes on.
    client.list_database_names().await.unwrap();
}

#[test]
fn a_store_may_be_dropped_outside_of_a_runtime() {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let store = runtime.block_on(async {
        let store = MongoDbStore::connect(shared().await.url()).await.unwrap();
        store.get(&key("k")).await.unwrap();
        store
    });
    drop(runtime);
    drop(store);
}
