//! The rights that the README lists are enough.

use session_store_api::{AtomicSessionStore, Condition, ErrorKind, SessionStore};
use session_store_redis::RedisStore;
use test_servers::{RespClient, SENTINEL_SERVICE, TestServer};

use crate::{LASTING, ask, connect, key, own, refused};

const README: &str = include_str!("../../README.md");

#[tokio::test]
async fn a_user_with_these_rights_can_do_everything() {
    let server = own().start().await.unwrap();
    grant(&server, "+get").await;
    let store = connect(&format!("redis://app:secret@{}", server.address())).await;
    use_all(&store).await;

    let elsewhere = store.with_prefix("other:").unwrap();
    let answer = elsewhere.get(&key("k")).await;
    refused(answer, ErrorKind::Config, "the user may not do this");
}

#[tokio::test]
async fn also_behind_sentinels() {
    let server = own().sentinel().start().await.unwrap();
    grant(&server, "+get").await;
    grant(&server, "+role").await;
    let url = format!(
        "redis-sentinel://app:secret@{}/{SENTINEL_SERVICE}",
        server.address()
    );
    use_all(&connect(&url).await).await;
}

#[tokio::test]
async fn also_in_a_cluster() {
    let server = own().cluster().start().await.unwrap();
    grant(&server, "+get").await;
    let url = format!("redis-cluster://app:secret@{}", server.address());
    let answer = RedisStore::connect(&url).await;
    refused(answer, ErrorKind::Config, "the user may not do this");
    grant(&server, "+cluster|slots").await;
    use_all(&connect(&url).await).await;
}

/// The driver names no user when it has no password for it, and the server would take us for `default`.
#[tokio::test]
async fn a_user_without_a_password_is_not_taken_for_the_default_one() {
    let server = own().start().await.unwrap();
    grant(&server, "+get").await;
    let at = server.address();
    for user in ["app", "app:", "nobody"] {
        let answer = RedisStore::connect(&format!("redis://{user}@{at}")).await;
        refused(answer, ErrorKind::Config, "the password is wrong");
    }

    ask(&server, &["ACL", "SETUSER", "app", "nopass"]).await;
    for user in ["app", "app:"] {
        let store = connect(&format!("redis://{user}@{at}")).await;
        use_all(&store).await;
        let elsewhere = store.with_prefix("other:").unwrap();
        let answer = elsewhere.get(&key("k")).await;
        refused(answer, ErrorKind::Config, "the user may not do this");
    }
}

/// Runs the line of the README that grants this, on each server that keeps data.
async fn grant(server: &TestServer, right: &str) {
    let grants = |line: &&str| line.starts_with("ACL SETUSER app ") && line.contains(right);
    let line = README.lines().find(grants).expect("a line in the README");
    let words: Vec<_> = line.split(' ').collect();
    for node in server.nodes() {
        let mut client = RespClient::connect(node.address()).await.unwrap();
        // A sentinel has users of its own.
        if client.command(&["DBSIZE"]).await.is_ok() {
            client.command(&words).await.unwrap();
        }
    }
}

async fn use_all(store: &RedisStore) {
    for number in 0..10 {
        let key = key(number);
        store.set(&key, b"v", LASTING).await.unwrap();
        for condition in [
            Condition::Absent,
            Condition::Present,
            Condition::Unchanged(b"v"),
        ] {
            store.set_if(&key, condition, b"v", LASTING).await.unwrap();
            let over = std::time::Duration::ZERO.into();
            store.set_if(&key, condition, b"v", over).await.unwrap();
            store.set(&key, b"v", LASTING).await.unwrap();
        }
        assert!(store.touch(&key, LASTING).await.unwrap());
        assert_eq!(store.get(&key).await.unwrap().unwrap(), b"v");
        store.destroy(&key).await.unwrap();
    }
}
