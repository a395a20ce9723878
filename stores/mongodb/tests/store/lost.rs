//! Answers that are lost on the way: what was done is not done again.

use std::time::Duration;

use session_store_api::{AtomicSessionStore, Condition, ErrorKind, Result, SessionStore};
use session_store_mongodb::MongoDbStore;
use session_store_mongodb::mongodb::Client;
use session_store_mongodb::mongodb::bson::{Bson, Document, doc};
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

/// Puts the server into a state in which it fails `update` commands, as often as `mode` says; answers how
/// often it has done so before.
async fn fail_updates(client: &Client, mode: impl Into<Bson>, how: Document) -> i32 {
    let mut data = doc! { "failCommands": ["update"] };
    data.extend(how);
    let command = doc! { "configureFailPoint": "failCommand", "mode": mode, "data": data };
    let before = client.database("admin").run_command(command).await.unwrap();
    before.get_i32("count").unwrap()
}

#[tokio::test]
async fn what_a_server_refuses_that_steps_down_is_sent_again_but_not_for_ever() {
    let set = own()
        .replica_set(1)
        .args(["--setParameter", "enableTestCommands=1"]);
    let set = set.start().await.unwrap();
    let store = MongoDbStore::connect(&with(set.url(), "timeout=60s")).await;
    let store = store.unwrap();
    let client = Client::with_uri_str(set.url()).await.unwrap();
    let absent = |number: usize| {
        let (store, key) = (store.clone(), key(number));
        async move { store.set_if(&key, Condition::Absent, b"v", LASTING).await }
    };
    // It is no primary; it is none any more, and so cannot say whether the write will last.
    let refused = doc! { "errorCode": 10107 };
    let unconfirmed = doc! { "writeConcernError": { "code": 11602, "errmsg": "" } };
    for (number, how) in [refused, unconfirmed].into_iter().enumerate() {
        let once = doc! { "times": 1 };
        let before = fail_updates(&client, once, how.clone()).await;
        assert!(absent(number).await.unwrap(), "{how}");
        let failed = fail_updates(&client, "alwaysOn", how.clone()).await - before;
        assert_eq!(failed, 1, "{how}");
        let before = failed + before;
        let error = absent(number + 10).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
        let failed = fail_updates(&client, "off", how.clone()).await - before;
        assert_eq!(failed, 5, "{how}");
    }
}
