//! What holds with one store.

use std::sync::Arc;
use std::time::SystemTime;

use interop::{Browser, Page};
use serde_json::{Value, json};
use session_store_redis::redis;

use crate::pair::{Cases, Pair};
use crate::visit::{open, text};

pub(crate) const CASES: Cases = &[
    ("a_logout_at_one_is_one_at_the_other", |pair| {
        Box::pin(logout(pair))
    }),
    ("a_moved_session_is_found_under_its_new_id", |pair| {
        Box::pin(moved(pair))
    }),
    ("the_records_are_alike", |pair| Box::pin(records(pair))),
    ("the_records_without_an_end_are_alike", |pair| {
        Box::pin(endless_records(pair))
    }),
    ("a_slow_request_does_not_undo_nodes_logout", |pair| {
        Box::pin(slow(pair))
    }),
    ("a_slow_request_keeps_what_node_changed", |pair| {
        Box::pin(merged(pair))
    }),
];

async fn logout(pair: Arc<Pair>) {
    for (first, second) in pair.both() {
        let mut browser = Browser::default();
        open(&mut browser, first, "/count").await;
        let mut thief = browser.clone();
        open(&mut browser, second, "/destroy").await;
        for port in [first, second] {
            assert_eq!(text(&mut thief, port, "/is_new").await, "true");
        }
    }
}

async fn moved(pair: Arc<Pair>) {
    for (first, second) in pair.both() {
        let mut browser = Browser::default();
        open(&mut browser, first, "/count").await;
        let mut thief = browser.clone();
        open(&mut browser, second, "/regenerate").await;
        assert_ne!(browser.cookies, thief.cookies);
        for (port, count) in [(first, "2"), (second, "3")] {
            assert_eq!(text(&mut thief, port, "/is_new").await, "true");
            assert_eq!(text(&mut browser, port, "/count").await, count);
        }
    }
}

/// The same JSON, apart from the time of day, for the same time.
async fn records(pair: Arc<Pair>) {
    for port in [pair.node, pair.rust] {
        let (text, life) = record(&pair, port, "/count").await;
        assert!((86_400_000..=86_410_000).contains(&life), "{life}");
        let (_, expire) = text.split_once("\"_expire\":").unwrap();
        let expire = expire.split(',').next().unwrap();
        let now = SystemTime::UNIX_EPOCH.elapsed().unwrap();
        let left = expire.parse::<u128>().unwrap() - now.as_millis();
        assert!(
            u128::from(life).abs_diff(left + 10_000) < 5000,
            "{life} {left}"
        );
        assert_eq!(
            text.replace(expire, "0"),
            r#"{"count":1,"name":"Ada","_expire":0,"_maxAge":86400000}"#
        );
    }
}

async fn endless_records(pair: Arc<Pair>) {
    for port in [pair.node, pair.rust] {
        let (text, life) = record(&pair, port, "/max_age/session").await;
        assert_eq!(text, r#"{"name":"Ada","_session":true}"#);
        assert!((86_000_000..=86_400_000).contains(&life), "{life}");
    }
}

/// The record of a session that `path` has begun, with a name, and how long Redis keeps it.
async fn record(pair: &Pair, port: u16, path: &str) -> (String, u64) {
    let mut browser = Browser::default();
    open(&mut browser, port, path).await;
    let mark = format!("{}-{port}", path.replace('/', "-")); // other tests write at the same time
    open(&mut browser, port, &format!("/insert/name/{mark}")).await;
    let (url, prefix) = pair.store.clone().unwrap();
    let client = redis::Client::open(url).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let mut keys = redis::cmd("KEYS");
    keys.arg(format!("{prefix}*"));
    let names: Vec<String> = keys.query_async(&mut connection).await.unwrap();
    for name in names {
        let mut get = redis::cmd("GET");
        let text: Option<String> = get.arg(&name).query_async(&mut connection).await.unwrap();
        if let Some(text) = text.filter(|text| text.contains(&mark)) {
            let mut pttl = redis::cmd("PTTL");
            let life = pttl.arg(&name).query_async(&mut connection).await.unwrap();
            return (text.replace(&mark, "Ada"), life);
        }
    }
    panic!("no record has the mark {mark}");
}

/// A visitor for whom Node did this while a slow request was at Rust; and what Rust then answered.
async fn meanwhile(pair: &Pair, path: &str) -> (Browser, Page) {
    let gate = pair.gate.lock().await;
    let mut browser = Browser::default();
    open(&mut browser, pair.node, "/count").await;
    let mut elsewhere = browser.clone();
    let (slow, ()) = tokio::join!(browser.get(pair.rust, "/slow"), async {
        gate.reached().await;
        open(&mut elsewhere, pair.node, path).await;
        gate.open();
    });
    (browser, slow.unwrap())
}

async fn slow(pair: Arc<Pair>) {
    let (mut browser, slow) = meanwhile(&pair, "/destroy").await;
    assert!(slow.set_cookies.is_empty());
    for port in [pair.node, pair.rust] {
        assert_eq!(text(&mut browser, port, "/is_new").await, "true");
    }
}

async fn merged(pair: Arc<Pair>) {
    let (mut browser, slow) = meanwhile(&pair, "/insert/more/x").await;
    assert_eq!(slow.status, 200);
    let expected = json!({"count": 1, "more": "x", "slow": "1"});
    for port in [pair.node, pair.rust] {
        let values = text(&mut browser, port, "/values").await;
        let values: Value = serde_json::from_str(&values).unwrap();
        assert_eq!(values, expected);
    }
}
