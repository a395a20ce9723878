//! Names and values in Redis, and how long they are there.

use std::time::Duration;

use session_store_api::{AtomicSessionStore, Condition, ErrorKind, MaxAge, SessionStore};
use session_store_redis::{RedisStore, redis};
use test_servers::{Kind, Reply, TestServer};

use crate::{LASTING, ask, connect, key, own, refused, remembered, remembering};

#[tokio::test]
async fn a_record_is_the_string_that_the_readme_shows() {
    let server = own().start().await.unwrap();
    let store = connect(server.url()).await;
    let value = b"\0\xFF\r\n$5\r\n";
    let life = MaxAge::After(Duration::from_nanos(59_999_000_001));
    store.set(&key("k{1}:*"), value, life).await.unwrap();
    assert_eq!(
        ask(&server, &["KEYS", "*"]).await,
        Reply::Array(vec![Reply::Bulk(b"sess:k{1}:*".into())])
    );
    let name = "sess:k{1}:*";
    assert_eq!(
        ask(&server, &["GET", name]).await,
        Reply::Bulk(value.into())
    );
    let Reply::Integer(left) = ask(&server, &["PTTL", name]).await else {
        panic!("a number was expected");
    };
    assert!((1..=60_000).contains(&left), "{left} ms");
    assert_eq!(format!("{store:?}"), "RedisStore { prefix: \"sess:\", .. }");

    // What somebody else wrote under such a name is a record too.
    ask(&server, &["SET", "sess:egg", "{}", "PX", "60000"]).await;
    assert_eq!(store.get(&key("egg")).await.unwrap().unwrap(), b"{}");
}

#[tokio::test]
async fn every_write_gives_the_record_a_life() {
    let server = own().start().await.unwrap();
    let store = connect(server.url()).await;
    let store = store
        .with_session_max_age(Duration::from_secs(7_200))
        .unwrap();
    let [set, absent, present, unchanged, touched] =
        ["set", "absent", "present", "unchanged", "touched"].map(key);
    // Somebody else left records without an end; the first write ends that.
    for name in ["present", "unchanged", "touched"] {
        ask(&server, &["SET", &format!("sess:{name}"), "old"]).await;
    }
    let session = MaxAge::Session;
    store.set(&set, b"new", session).await.unwrap();
    let if_absent = store.set_if(&absent, Condition::Absent, b"new", session);
    assert!(if_absent.await.unwrap());
    let if_present = store.set_if(&present, Condition::Present, b"new", session);
    assert!(if_present.await.unwrap());
    let same = Condition::Unchanged(b"old");
    let if_unchanged = store.set_if(&unchanged, same, b"new", session);
    assert!(if_unchanged.await.unwrap());
    assert!(store.touch(&touched, session).await.unwrap());
    for name in ["set", "absent", "present", "unchanged", "touched"] {
        let Reply::Integer(left) = ask(&server, &["PTTL", &format!("sess:{name}")]).await else {
            panic!("a number was expected");
        };
        assert!((7_100_000..=7_200_000).contains(&left), "{name}: {left} ms");
    }
    // Ten thousand years are as long as it gets.
    let longest = MaxAge::After(Duration::MAX);
    store.set(&set, b"new", longest).await.unwrap();
    assert!(store.touch(&touched, longest).await.unwrap());
    for name in ["set", "touched"] {
        let Reply::Integer(left) = ask(&server, &["PTTL", &format!("sess:{name}")]).await else {
            panic!("a number was expected");
        };
        assert!(left > 9_999 * 366 * 24 * 3600 * 1000, "{name}: {left} ms");
    }
}

/// A millisecond that has begun counts: less would be early, and none at all would be nothing.
#[tokio::test]
async fn lives_are_rounded_up_to_whole_milliseconds() {
    let server = remembering().start().await.unwrap();
    let store = connect(server.url()).await;
    for (nanos, millis) in [
        (1, "1"),
        (999_999, "1"),
        (1_000_000, "1"),
        (1_000_001, "2"),
        (1_500_000, "2"),
        (59_999_000_001, "60000"),
    ] {
        let life = Duration::from_nanos(nanos);
        let store = store.clone().with_session_max_age(life).unwrap();
        for (by, max_age) in [
            ("itself", MaxAge::After(life)),
            ("session", MaxAge::Session),
        ] {
            let key = async |verb| {
                let key = key(format!("{verb}:{nanos}:{by}"));
                store.set(&key, b"v", LASTING).await.unwrap();
                key
            };
            let (set, touched) = (key("set").await, key("touch").await);
            let (absent, present) = (key("absent").await, key("present").await);
            let unchanged = key("unchanged").await;
            store.set(&set, b"v", max_age).await.unwrap();
            assert!(store.touch(&touched, max_age).await.unwrap());
            store.destroy(&absent).await.unwrap();
            for (key, condition) in [
                (&absent, Condition::Absent),
                (&present, Condition::Present),
                (&unchanged, Condition::Unchanged(b"v")),
            ] {
                let wrote = store.set_if(key, condition, b"v", max_age).await;
                assert!(wrote.unwrap(), "{condition:?}");
            }
            for key in [set, touched, absent, present, unchanged] {
                let name = format!("sess:{}", key.as_str());
                let commands = remembered(server.address(), &name).await;
                // The last words are the life, and for some the condition.
                let life = commands[0]
                    .iter()
                    .rev()
                    .find(|word| word.parse::<u64>().is_ok());
                assert_eq!(life.map(String::as_str), Some(millis), "{:?}", commands[0]);
            }
        }
    }
}

#[tokio::test]
async fn a_life_of_nothing_leaves_nothing() {
    let server = own().start().await.unwrap();
    let store = connect(server.url()).await;
    let (live, free) = (key("live"), key("free"));
    let over = MaxAge::After(Duration::ZERO);
    let renew = async || store.set(&live, b"v", LASTING).await.unwrap();

    renew().await;
    let if_absent = store.set_if(&live, Condition::Absent, b"w", over);
    assert!(!if_absent.await.unwrap());
    assert_eq!(store.get(&live).await.unwrap().unwrap(), b"v");
    for condition in [Condition::Present, Condition::Unchanged(b"v")] {
        renew().await;
        assert!(store.set_if(&live, condition, b"w", over).await.unwrap());
        assert_eq!(store.get(&live).await.unwrap(), None, "{condition:?}");
        assert!(!store.set_if(&free, condition, b"w", over).await.unwrap());
    }
    renew().await;
    let changed = Condition::Unchanged(b"w");
    assert!(!store.set_if(&live, changed, b"w", over).await.unwrap());
    assert!(store.touch(&live, over).await.unwrap());
    assert!(!store.touch(&live, over).await.unwrap());
    let if_free = store.set_if(&free, Condition::Absent, b"w", over);
    assert!(if_free.await.unwrap());
    store.set(&free, b"w", over).await.unwrap();
    assert_eq!(ask(&server, &["DBSIZE"]).await, Reply::Integer(0));
}

#[tokio::test]
async fn nothing_but_its_own_names_is_touched() {
    let server = own().start().await.unwrap();
    for (name, value) in [
        ("k", "1"),
        ("sess", "2"),
        ("sess2:k", "3"),
        ("other:k", "4"),
    ] {
        ask(&server, &["SET", name, value]).await;
    }
    let store = connect(&format!("{}/1?prefix=a:", server.url())).await;
    let same = connect(server.url()).await;
    for store in [&store, &same] {
        let key = key("k");
        store.set(&key, b"v", LASTING).await.unwrap();
        store.get(&key).await.unwrap();
        store.touch(&key, LASTING).await.unwrap();
        let same = Condition::Unchanged(b"v");
        store.set_if(&key, same, b"w", LASTING).await.unwrap();
        store.destroy(&key).await.unwrap();
    }
    for (name, value) in [
        ("k", "1"),
        ("sess", "2"),
        ("sess2:k", "3"),
        ("other:k", "4"),
    ] {
        assert_eq!(ask(&server, &["GET", name]).await.text(), value);
    }
    assert_eq!(ask(&server, &["DBSIZE"]).await, Reply::Integer(4));
}

#[tokio::test]
async fn the_database_of_the_url_is_used_also_after_a_reconnect() {
    let server = own().start().await.unwrap();
    let store = connect(&format!("{}/3", server.url())).await;
    for round in ["first", "second"] {
        store.set(&key(round), b"v", LASTING).await.unwrap();
        ask(&server, &["CLIENT", "KILL", "TYPE", "normal"]).await;
        assert!(store.get(&key(round)).await.unwrap().is_some());
    }
    assert_eq!(ask(&server, &["DBSIZE"]).await, Reply::Integer(0));
    let stats = ask(&server, &["INFO", "keyspace"]).await.text();
    assert!(stats.contains("db3:keys=2"), "{stats}");
}

#[tokio::test]
async fn a_value_over_the_limit_is_not_sent() {
    let server = TestServer::start(Kind::Redis).await.unwrap();
    let store = connect(&format!("{}?max_value=1kB", server.url())).await;
    let (key, large) = (key("large"), [0; 1001]);
    store.set(&key, &large[..1000], LASTING).await.unwrap();
    for condition in [
        Condition::Absent,
        Condition::Present,
        Condition::Unchanged(&large[..1000]),
    ] {
        let answer = store.set_if(&key, condition, &large, LASTING).await;
        refused(
            answer,
            ErrorKind::TooLarge,
            "1001 bytes; `max_value` is 1000",
        );
    }
    let answer = store.set(&key, &large, LASTING).await;
    refused(answer, ErrorKind::TooLarge, "1001 bytes");
    assert_eq!(store.get(&key).await.unwrap().unwrap().len(), 1000);
    store.destroy(&key).await.unwrap();
}

#[tokio::test]
async fn sixteen_mebibytes_are_kept_unless_set() {
    let server = own().start().await.unwrap();
    let store = connect(server.url()).await;
    let (key, value) = (key("large"), vec![0xA5; (16 << 20) + 1]);
    store.set(&key, &value[1..], LASTING).await.unwrap();
    assert!(store.get(&key).await.unwrap().unwrap() == value[1..]);
    let answer = store.set(&key, &value, LASTING).await;
    refused(answer, ErrorKind::TooLarge, "`max_value` is 16777216");
}

/// Whatever a caller has made with the driver.
#[tokio::test]
async fn any_connection_of_the_driver_will_do() {
    let server = own().start().await.unwrap();
    let client = redis::Client::open(server.url()).unwrap();
    let cluster = own().cluster().start().await.unwrap();
    let nodes = redis::cluster::ClusterClient::new(cluster.urls()).unwrap();
    for store in [
        RedisStore::new(client.get_multiplexed_async_connection().await.unwrap()),
        RedisStore::new(client.get_connection_manager().await.unwrap()),
        RedisStore::new(nodes.get_async_connection().await.unwrap()),
    ] {
        let key = key("k");
        assert_eq!(store.get(&key).await.unwrap(), None);
        store.set(&key, b"v", LASTING).await.unwrap();
        for (old, done) in [(b"w", false), (b"v", true)] {
            let unchanged = Condition::Unchanged(old);
            let set = store.set_if(&key, unchanged, b"w", LASTING).await;
            assert_eq!(set.unwrap(), done);
        }
        assert!(store.touch(&key, LASTING).await.unwrap());
        assert_eq!(store.get(&key).await.unwrap().unwrap(), b"w");
        store.destroy(&key).await.unwrap();
        assert_eq!(store.get(&key).await.unwrap(), None);
    }
}

#[test]
fn settings_that_cannot_be_name_themselves() {
    async fn with(query: &str) -> Result<RedisStore, session_store_redis::Error> {
        RedisStore::connect(&format!("redis://127.0.0.1:1?{query}")).await
    }
    let runtime = tokio::runtime::Runtime::new().unwrap();
    for (query, named) in [
        ("prefix=%20", "`prefix`"),
        ("prefix=%C3%B6", "`prefix`"),
        (&format!("prefix={}", "p".repeat(101)), "`prefix`"),
        ("session_max_age=0s", "`session_max_age`"),
        ("timeout=0ms", "`timeout`"),
        ("timeout=5", "`timeout`"),
        ("connect_timeout=0s", "`connect_timeout`"),
        ("max_value=0", "`max_value`"),
        ("max_value=513MiB", "`max_value`"),
        ("max_value=99999999999GB", "`max_value`"),
        ("sentinel_password=hunter2", "`sentinel_password`"),
        ("db=1", "`db`"),
        ("protocol=resp3", "`protocol`"),
    ] {
        let shown = refused(runtime.block_on(with(query)), ErrorKind::Config, named);
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}
