//! Servers that are not as the URL says, or not as a store needs them.

use std::time::Duration;

use session_store_api::{AtomicSessionStore, Condition, ErrorKind, SessionStore};
use session_store_redis::RedisStore;
use test_servers::{Reply, RespClient, SENTINEL_SERVICE};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::{LASTING, ask, connect, key, own, refused};

#[tokio::test]
async fn a_wrong_user_or_password() {
    let server = own().password("s3cret").start().await.unwrap();
    let at = server.address();
    let answer = RedisStore::connect(&format!("redis://{at}")).await;
    refused(answer, ErrorKind::Config, "a password is needed");
    for user in [
        ":hunter2@",
        "nobody:s3cret@",
        "default:hunter2@",
        "default@",
    ] {
        let answer = RedisStore::connect(&format!("redis://{user}{at}")).await;
        let shown = refused(answer, ErrorKind::Config, "password is wrong");
        assert!(
            !shown.contains("hunter2") && !shown.contains("s3cret"),
            "{shown}"
        );
    }
    connect(&format!("redis://default:s3cret@{at}")).await;
}

#[tokio::test]
async fn a_password_that_is_changed_under_way() {
    let server = own().start().await.unwrap();
    let store = connect(server.url()).await;
    let mut admin = RespClient::connect(server.address()).await.unwrap();
    let password = async |admin: &mut RespClient, password| {
        let words = ["CONFIG", "SET", "requirepass", password];
        admin.command(&words).await.unwrap();
    };
    password(&mut admin, "hunter2").await;
    admin
        .command(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"])
        .await
        .unwrap();
    let answer = store.get(&key("k")).await;
    let shown = refused(answer, ErrorKind::Config, "a password is needed");
    assert!(!shown.contains("hunter2"), "{shown}");
    password(&mut admin, "").await;
    assert_eq!(store.get(&key("k")).await.unwrap(), None);
}

#[tokio::test]
async fn a_database_that_there_is_not() {
    let server = own().start().await.unwrap();
    let answer = RedisStore::connect(&format!("{}/99", server.url())).await;
    refused(answer, ErrorKind::Config, "no database of that number");
}

#[tokio::test]
async fn nobody_there() {
    let answer = RedisStore::connect("redis://user:hunter2@127.0.0.1:1").await;
    let hint = "cannot be reached (127.0.0.1:1)";
    let shown = refused(answer, ErrorKind::Unavailable, hint);
    assert!(!shown.contains("hunter2"), "{shown}");
    let answer = RedisStore::connect("redis-cluster://127.0.0.1:1,127.0.0.1:2").await;
    refused(answer, ErrorKind::Unavailable, "cannot be reached");
    let answer = RedisStore::connect("redis-sentinel://127.0.0.1:1/service").await;
    refused(answer, ErrorKind::Unavailable, hint);
    let answer = RedisStore::connect("redis+unix:///no/such/socket").await;
    let hint = "cannot be reached (/no/such/socket)";
    refused(answer, ErrorKind::Unavailable, hint);
}

#[tokio::test]
async fn somebody_else_there() {
    let answer = b"HTTP/1.1 400 Bad Request\r\n\r\n";
    let http = stranger(Stranger::Answers(answer)).await;
    let answer = RedisStore::connect(&http).await;
    refused(answer, ErrorKind::Config, "is not Redis");
    let rude = stranger(Stranger::HangsUp).await;
    refused(
        RedisStore::connect(&rude).await,
        ErrorKind::Unavailable,
        "hung up",
    );
    let silent = stranger(Stranger::IsSilent).await + "?connect_timeout=100ms";
    let answer = RedisStore::connect(&silent).await;
    refused(answer, ErrorKind::Unavailable, "does not answer");
}

#[cfg(not(feature = "tls"))]
#[tokio::test]
async fn tls_in_a_build_without_it() {
    for url in ["rediss://h", "redis-sentinels://h/s", "redis-clusters://h"] {
        let answer = RedisStore::connect(url).await;
        refused(answer, ErrorKind::Unsupported, "the feature \"tls\"");
    }
}

#[tokio::test]
async fn something_of_another_type_under_a_name_of_ours() {
    let server = own().start().await.unwrap();
    let store = connect(&format!("{}?prefix=web:", server.url())).await;
    let key = key("k");
    ask(&server, &["RPUSH", "web:k", "hunter2"]).await;
    let found = refused(
        store.get(&key).await,
        ErrorKind::Corrupt,
        "the prefix \"web:\"",
    );
    let unchanged = Condition::Unchanged(b"hunter2");
    // Once by a script that the server does not know, and once by one that it does.
    for _ in 0..2 {
        let answer = store.set_if(&key, unchanged, b"hunter2", LASTING).await;
        let shown = refused(answer, ErrorKind::Corrupt, "the prefix \"web:\"");
        assert!(
            !shown.contains("hunter2") && !found.contains("hunter2"),
            "{shown}"
        );
    }
    let absent = store.set_if(&key, Condition::Absent, b"v", LASTING);
    assert!(!absent.await.unwrap());
    store.set(&key, b"v", LASTING).await.unwrap();
    assert_eq!(store.get(&key).await.unwrap().unwrap(), b"v");
}

#[tokio::test]
async fn a_server_that_is_full() {
    let limits = ["--maxmemory", "4mb", "--maxmemory-policy", "noeviction"];
    let server = own().args(limits).start().await.unwrap();
    let store = connect(server.url()).await;
    let value = vec![1; 100_000];
    let mut kept = 0;
    let refusal = loop {
        match store.set(&key(kept), &value, LASTING).await {
            Ok(()) => kept += 1,
            Err(error) => break error,
        }
        assert!(kept < 1_000, "4 MB hold no 100 MB");
    };
    refused::<()>(Err(refusal), ErrorKind::Unavailable, "`maxmemory`");
    let same = Condition::Unchanged(&value);
    let answer = store.set_if(&key(0), same, &value, LASTING).await;
    refused(answer, ErrorKind::Unavailable, "`maxmemory`");
    // What is there is there still, and what goes makes room.
    for number in 0..kept {
        assert_eq!(store.get(&key(number)).await.unwrap().unwrap(), value);
    }
    assert!(store.touch(&key(0), LASTING).await.unwrap());
    for number in 0..kept {
        store.destroy(&key(number)).await.unwrap();
    }
    store.set(&key(0), &value, LASTING).await.unwrap();
}

#[tokio::test]
async fn a_replica() {
    let server = own().start().await.unwrap();
    let store = connect(server.url()).await;
    let key = key("k");
    store.set(&key, b"v", LASTING).await.unwrap();
    ask(&server, &["REPLICAOF", "127.0.0.1", "1"]).await;
    let answer = store.set(&key, b"w", LASTING).await;
    refused(answer, ErrorKind::Unavailable, "read-only replica");
    for condition in [Condition::Present, Condition::Unchanged(b"v")] {
        let answer = store.set_if(&key, condition, b"w", LASTING).await;
        refused(answer, ErrorKind::Unavailable, "read-only replica");
    }
    refused(
        store.touch(&key, LASTING).await,
        ErrorKind::Unavailable,
        "read-only replica",
    );
    refused(
        store.destroy(&key).await,
        ErrorKind::Unavailable,
        "read-only replica",
    );
    ask(&server, &["REPLICAOF", "NO", "ONE"]).await;
    store.set(&key, b"w", LASTING).await.unwrap();
}

#[tokio::test]
async fn too_few_replicas() {
    let server = own()
        .args(["--min-replicas-to-write", "1"])
        .start()
        .await
        .unwrap();
    let store = connect(server.url()).await;
    let answer = store.set(&key("k"), b"v", LASTING).await;
    refused(answer, ErrorKind::Unavailable, "min-replicas-to-write");
    assert_eq!(store.get(&key("k")).await.unwrap(), None);
}

#[tokio::test]
async fn commands_that_have_other_names() {
    let others = ["GET", "SET", "DEL", "PEXPIRE", "EVALSHA"];
    let words = others.map(|verb| {
        [
            "--rename-command".to_owned(),
            verb.to_owned(),
            format!("MY{verb}"),
        ]
    });
    let server = own().args(words.concat()).start().await.unwrap();
    let store = connect(server.url()).await;
    let (key, value) = (key("hunter2"), b"hunter2");
    let unchanged = Condition::Unchanged(value);
    for shown in [
        refused(store.get(&key).await, ErrorKind::Config, "lacks a command"),
        refused(
            store.set(&key, value, LASTING).await,
            ErrorKind::Config,
            "lacks a command",
        ),
        refused(
            store.destroy(&key).await,
            ErrorKind::Config,
            "lacks a command",
        ),
        refused(
            store.touch(&key, LASTING).await,
            ErrorKind::Config,
            "lacks a command",
        ),
        refused(
            store.set_if(&key, unchanged, value, LASTING).await,
            ErrorKind::Config,
            "lacks a command",
        ),
    ] {
        assert!(!shown.contains("hunter2"), "{shown}");
    }
    assert_eq!(ask(&server, &["DBSIZE"]).await, Reply::Integer(0));
}

#[tokio::test]
async fn no_room_for_another_client() {
    let server = own().args(["--maxclients", "1"]).start().await.unwrap();
    let mut greedy = Vec::new();
    let refusal = loop {
        match RedisStore::connect(server.url()).await {
            Ok(store) => greedy.push(store),
            Err(error) => break error,
        }
    };
    refused::<()>(Err(refusal), ErrorKind::Unavailable, "too busy");
}

/// The server says so and hangs up, and what it said may be lost with the connection.
#[tokio::test]
async fn a_value_that_the_server_does_not_take() {
    let limit = ["--proto-max-bulk-len", "1mb"];
    let server = own().args(limit).start().await.unwrap();
    let store = connect(server.url()).await;
    let large = vec![1; (1 << 20) + 1];
    store.set(&key("k"), b"old", LASTING).await.unwrap();
    let error = store.set(&key("k"), &large, LASTING).await.unwrap_err();
    let kinds = [ErrorKind::TooLarge, ErrorKind::Unavailable];
    assert!(kinds.contains(&error.kind()), "{error}: {error:?}");
    assert_eq!(store.get(&key("k")).await.unwrap().unwrap(), b"old");
    store.set(&key("k"), &large[2..], LASTING).await.unwrap();
}

#[tokio::test]
async fn a_cluster_that_is_taken_for_a_server_and_the_reverse() {
    let cluster = own().cluster().start().await.unwrap();
    let store = connect(cluster.url()).await;
    let mut elsewhere = 0;
    for number in 0..20 {
        if let Err(error) = store.get(&key(number)).await {
            refused::<()>(Err(error), ErrorKind::Config, "`redis-cluster:`");
            elsewhere += 1;
        }
    }
    assert!(elsewhere > 0, "one node does not have all slots");

    let server = own().start().await.unwrap();
    let answer = RedisStore::connect(&format!("redis-cluster://{}", server.address())).await;
    refused(answer, ErrorKind::Config, "belongs to no cluster");
}

#[tokio::test]
async fn sentinels_that_know_no_such_service_or_are_none() {
    let server = own().sentinel().start().await.unwrap();
    let at = server.address();
    let answer = RedisStore::connect(&format!("redis-sentinel://{at}/other")).await;
    refused(
        answer,
        ErrorKind::Unavailable,
        "knows no service of that name",
    );
    let plain = own().start().await.unwrap();
    let at = plain.address();
    let answer = RedisStore::connect(&format!("redis-sentinel://{at}/{SENTINEL_SERVICE}")).await;
    refused(answer, ErrorKind::Config, "is no Sentinel");
}

/// A Sentinel may be behind the times: who is a replica by now is not written to, and not read from.
#[tokio::test]
async fn a_replica_that_a_sentinel_calls_the_primary() {
    let sentinels = own().sentinel().start().await.unwrap();
    let server = own().start().await.unwrap();
    ask(&server, &["REPLICAOF", "127.0.0.1", "1"]).await;
    // It would take a hundred Sentinels to do something about it.
    let port = server.address().rsplit(':').next().unwrap();
    let monitor = ["SENTINEL", "MONITOR", "late", "127.0.0.1", port, "100"];
    ask(&sentinels, &monitor).await;
    let url = format!("redis-sentinel://{}/late", sentinels.address());
    let answer = RedisStore::connect(&url).await;
    refused(
        answer,
        ErrorKind::Unavailable,
        "has not agreed on a primary yet",
    );
    ask(&server, &["REPLICAOF", "NO", "ONE"]).await;
    let store = connect(&url).await;
    store.set(&key("k"), b"v", LASTING).await.unwrap();
    assert_eq!(store.get(&key("k")).await.unwrap().unwrap(), b"v");
}

/// Whatever the server says, it has not said that there is no record.
#[tokio::test]
async fn a_server_that_refuses_everything() {
    let server = own().start().await.unwrap();
    let store = connect(server.url()).await;
    let key = key("k");
    store.set(&key, b"v", LASTING).await.unwrap();
    ask(
        &server,
        &["CONFIG", "SET", "replica-serve-stale-data", "no"],
    )
    .await;
    ask(&server, &["REPLICAOF", "127.0.0.1", "1"]).await;
    let kind = ErrorKind::Unavailable;
    refused(store.get(&key).await, kind, "still loads its data");
    refused(store.set(&key, b"w", LASTING).await, kind, "");
    refused(store.touch(&key, LASTING).await, kind, "");
    refused(store.destroy(&key).await, kind, "");
    for condition in [
        Condition::Absent,
        Condition::Present,
        Condition::Unchanged(b"v"),
    ] {
        for life in [LASTING, Duration::ZERO.into()] {
            let answer = store.set_if(&key, condition, b"w", life).await;
            refused(answer, kind, "");
        }
    }
    ask(&server, &["REPLICAOF", "NO", "ONE"]).await;
    assert_eq!(store.get(&key).await.unwrap().unwrap(), b"v");
}

/// What somebody does who is not Redis.
#[derive(Clone, Copy)]
enum Stranger {
    Answers(&'static [u8]),
    HangsUp,
    IsSilent,
}

/// The URL of somebody who is not Redis.
async fn stranger(stranger: Stranger) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let mut guests = Vec::new();
        while let Ok((mut guest, _)) = listener.accept().await {
            let mut request = [0; 64];
            let _ = guest.read(&mut request).await;
            match stranger {
                Stranger::Answers(answer) => guest.write_all(answer).await.unwrap(),
                Stranger::HangsUp => continue,
                Stranger::IsSilent => {}
            }
            guests.push(guest);
        }
    });
    format!("redis://{address}")
}
