//! Keys and values as memcached sees them.

use session_store_api::{ErrorKind, SessionKey, SessionStore};
use session_store_memcached::MemcachedStore;

use crate::{LASTING, Raw, connected, key, refused, server};

#[tokio::test]
async fn a_name_has_250_bytes_and_not_one_more() {
    let server = server().await;
    let (store, mut raw) = (connected(&server).await, Raw::open(server.address()));
    let store = store.with_prefix(&"p".repeat(50)).unwrap();
    let longest = |last| key("k".repeat(SessionKey::MAX_LEN - 1) + last);
    let (one, other) = (longest("1"), longest("2"));
    store.set(&one, b"one", LASTING).await.unwrap();
    store.set(&other, b"other", LASTING).await.unwrap();
    let name = "p".repeat(50) + one.as_str();
    assert_eq!(name.len(), 250);
    assert_eq!(raw.value(&name).unwrap(), b"one");
    assert_eq!(store.get(&other).await.unwrap().unwrap(), b"other");
    // What memcached does with one more is why there is never one more: two answers to one command.
    assert!(
        raw.ask(&format!("mg {name}x v\r\n"))
            .starts_with("CLIENT_ERROR")
    );

    refused(
        store.with_prefix(&"p".repeat(51)),
        ErrorKind::Config,
        "`prefix`",
    );
}

#[tokio::test]
async fn no_prefix_can_inject_a_command() {
    let server = server().await;
    let store = connected(&server).await;
    for prefix in ["a b", "a\r\nflush_all\r\n", "\t", "\0", "\x7f", "ä"] {
        refused(
            store.clone().with_prefix(prefix),
            ErrorKind::Config,
            "`prefix`",
        );
    }
    let url = format!("{}?prefix=a%0D%0Aflush_all", server.url());
    refused(
        MemcachedStore::connect(&url).await,
        ErrorKind::Config,
        "`prefix`",
    );
}

#[tokio::test]
async fn values_of_protocol_words_are_values() {
    let server = server().await;
    let (store, mut raw) = (connected(&server).await, Raw::open(server.address()));
    let victim = key("victim");
    store.set(&victim, b"alive", LASTING).await.unwrap();
    for value in [
        &b""[..],
        b"\r\n",
        b"\r\nmd session:victim\r\n",
        b"\r\nflush_all\r\n",
        b"END\r\n",
        b"EN\r\nHD O0\r\nVA 5 O0\r\nother\r\n",
        b"SERVER_ERROR out of memory storing object\r\n",
        b"\0\xff\n",
    ] {
        store.set(&key("value"), value, LASTING).await.unwrap();
        assert_eq!(store.get(&key("value")).await.unwrap().unwrap(), value);
        assert_eq!(raw.value("session:value").unwrap(), value);
    }
    assert_eq!(store.get(&victim).await.unwrap().unwrap(), b"alive");
}

#[tokio::test]
async fn what_the_url_says_is_what_is_done() {
    let server = server().await;
    let mut raw = Raw::open(server.address());
    let url = format!(
        "{}/?prefix=shop:&session_max_age=1h&timeout=2s&max_value=10",
        server.url()
    );
    let store = MemcachedStore::connect(&url).await.unwrap();
    let session = session_store_api::MaxAge::Session;
    store.set(&key("a"), b"0123456789", session).await.unwrap();
    assert_eq!(raw.value("shop:a").unwrap(), b"0123456789");
    let left = raw.left("shop:a").unwrap();
    assert!((3590..=3602).contains(&left), "{left}");
    let too_large = store.set(&key("a"), b"0123456789a", LASTING).await;
    refused(
        too_large,
        ErrorKind::TooLarge,
        "11 bytes; `max_value` is 10",
    );
    let shown = format!("{store:?}");
    assert!(
        shown.contains("shop:") && shown.contains(server.address()),
        "{shown}"
    );
}

#[tokio::test]
async fn what_cannot_be_is_refused_by_its_name() {
    for (url, hint) in [
        ("memcached://", "`host:port`"),
        ("memcached://a,,b", "`host:port`"),
        ("memcached://a:0", "`host:port`"),
        ("memcached://a,A:11211", "named twice"),
        ("memcached://user:secret@a", "user names"),
        ("memcached://a/path", "`host:port`"),
        ("memcached://a?prefx=x", "`prefx`"),
        ("memcached://a?timeout=0s", "`timeout`"),
        ("memcached://a?timeout=1", "`timeout`"),
        ("memcached://a?session_max_age=0s", "`session_max_age`"),
        ("memcached://a?max_value=0", "`max_value`"),
        ("memcached://a?max_value=2GiB", "`max_value`"),
    ] {
        let opened = MemcachedStore::connect(url).await;
        assert!(!format!("{opened:?}").contains("secret"));
        refused(opened, ErrorKind::Config, hint);
    }
    let nowhere: [&str; 0] = [];
    refused(MemcachedStore::new(nowhere), ErrorKind::Config, "no server");
}
