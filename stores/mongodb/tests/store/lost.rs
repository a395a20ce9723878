//! Answers that are lost on the way: what was done is not done again.

use std::time::Duration;

use session_store_api::{AtomicSessionStore, Condition, Result, SessionStore};
use session_store_mongodb::MongoDbStore;
use session_store_mongodb::mongodb::bson::doc;
use session_store_mongodb::mongodb::options::WriteConcern;
use test_servers::{FaultProxy, ProxyFault, TestServer};
use tokio::time::{Instant, sleep};

use crate::{LASTING, key, own, past, with};

/// A call of `Absent` that is carried out and whose answer is lost; before the store hears of that, somebody
/// else destroys the record. Answers what the caller is told, and whether the record is there again.
async fn lose_an_answer(server: &TestServer, parameter: &str) -> (Result<bool>, bool) {
    let proxy = FaultProxy::start(server.address()).unwrap();
    let direct = format!(
        "mongodb://{}/sessions?directConnection=true",
        server.address()
    );
    let url = direct.replace(server.address(), proxy.address());
    let url = with(&with(&url, "timeout=30s"), parameter);
    let store = MongoDbStore::connect(&url).await.unwrap();
    store.set(&key("other"), b"v", LASTING).await.unwrap();
    let collection = past(&direct, "sessions").await;
    let of = || doc! { "_id": "k" };

    proxy.set(ProxyFault::DropReplies).await.unwrap();
    let caller = store.clone();
    let call = tokio::spawn(async move {
        let key = key("k");
        caller.set_if(&key, Condition::Absent, b"v", LASTING).await
    });
    let began = Instant::now();
    while collection.find_one(of()).await.unwrap().is_none() {
        assert!(
            began.elapsed() < Duration::from_secs(20),
            "it was never done"
        );
        sleep(Duration::from_millis(5)).await;
    }
    // It is there before it is in the journal, and only then there is an answer to lose.
    let journaled = WriteConcern::builder().journal(true).build();
    let destroyed = collection.delete_one(of()).write_concern(journaled);
    destroyed.await.unwrap();
    sleep(Duration::from_secs(1)).await;
    proxy.set(ProxyFault::None).await.unwrap();

    let answer = call.await.unwrap();
    let again = store.get(&key("k")).await.unwrap().is_some();
    (answer, again)
}

#[tokio::test]
async fn a_set_is_asked_again_and_tells_what_it_did_the_first_time() {
    let set = own().replica_set(1).start().await.unwrap();
    let (answer, again) = lose_an_answer(&set, "retryWrites=true").await;
    assert!(answer.unwrap(), "it was written");
    assert!(!again, "what was destroyed is there again");

    let (answer, again) = lose_an_answer(&set, "retryWrites=false").await;
    assert!(answer.unwrap_err().kind().is_transient());
    assert!(!again, "what was destroyed is there again");
}

#[tokio::test]
async fn a_standalone_server_is_not_asked_again() {
    let server = own().start().await.unwrap();
    let (answer, again) = lose_an_answer(&server, "retryWrites=true").await;
    assert!(answer.unwrap_err().kind().is_transient());
    assert!(!again, "what was destroyed is there again");
}
