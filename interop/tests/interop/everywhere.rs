//! What holds wherever the sessions live.

use std::sync::Arc;
use std::time::Duration;

use interop::{Browser, Page};
use serde_json::{Value, json};

use crate::pair::{Cases, Pair};
use crate::visit::{is_about, life, line, open, text};

pub(crate) const CASES: Cases = &[
    ("a_session_goes_to_and_fro", |pair| {
        Box::pin(to_and_fro(pair))
    }),
    ("what_one_clears_is_gone_for_the_other", |pair| {
        Box::pin(cleared(pair))
    }),
    ("what_one_regenerates_keeps_its_values", |pair| {
        Box::pin(regenerated(pair))
    }),
    ("values_of_every_kind_are_the_same", |pair| {
        Box::pin(values(pair))
    }),
    ("a_life_of_its_own_is_kept", |pair| Box::pin(own_life(pair))),
    ("a_life_as_long_as_the_browsers_is_kept", |pair| {
        Box::pin(session_life(pair))
    }),
    ("what_expired_for_one_has_for_the_other", |pair| {
        Box::pin(expired(pair))
    }),
    ("the_lines_are_alike", |pair| Box::pin(lines(pair))),
    ("an_empty_session_is_a_session", |pair| {
        Box::pin(empty(pair))
    }),
];

async fn to_and_fro(pair: Arc<Pair>) {
    for (first, second) in pair.both() {
        let mut browser = Browser::default();
        for count in (1..40).step_by(2) {
            assert_eq!(text(&mut browser, first, "/count").await, count.to_string());
            assert_eq!(text(&mut browser, second, "/is_new").await, "false");
            assert_eq!(
                text(&mut browser, second, "/count").await,
                (count + 1).to_string()
            );
        }
    }
}

async fn cleared(pair: Arc<Pair>) {
    for (first, second) in pair.both() {
        let mut browser = Browser::default();
        open(&mut browser, first, "/count").await;
        open(&mut browser, second, "/destroy").await;
        assert!(browser.cookies.is_empty(), "{browser:?}");
        assert_eq!(text(&mut browser, first, "/is_new").await, "true");
    }
}

async fn regenerated(pair: Arc<Pair>) {
    for (first, second) in pair.both() {
        let mut browser = Browser::default();
        open(&mut browser, first, "/count").await;
        let page = open(&mut browser, second, "/regenerate").await;
        line(&pair, &page);
        assert_eq!(text(&mut browser, second, "/is_new").await, "false");
        assert_eq!(text(&mut browser, first, "/count").await, "2");
        assert_eq!(text(&mut browser, second, "/count").await, "3");
    }
}

async fn values(pair: Arc<Pair>) {
    for (first, second) in pair.both() {
        let mut browser = Browser::default();
        open(&mut browser, first, "/count").await;
        let value = "%E4%B8%AD%E6%96%87%F0%9F%90%A2%22%27%3B%5C";
        open(&mut browser, first, &format!("/insert/text/{value}")).await;
        open(&mut browser, second, "/insert/more/x").await;
        let expected = json!({"count": 1, "text": "中文🐢\"';\\", "more": "x"});
        for port in [first, second] {
            let values: Value =
                serde_json::from_str(&text(&mut browser, port, "/values").await).unwrap();
            assert_eq!(values, expected);
        }
    }
}

async fn own_life(pair: Arc<Pair>) {
    for (first, second) in pair.both() {
        let mut browser = Browser::default();
        open(&mut browser, first, "/count").await;
        open(&mut browser, first, "/max_age/600000").await;
        for port in [second, first] {
            let page = open(&mut browser, port, "/count").await;
            let left = life(line(&pair, &page)).unwrap();
            assert!((540..=601).contains(&left), "{left}");
            let said = text(&mut browser, port, "/left").await;
            is_about(&said, Duration::from_secs(600));
        }
    }
}

async fn session_life(pair: Arc<Pair>) {
    for (first, second) in pair.both() {
        let mut browser = Browser::default();
        open(&mut browser, first, "/count").await;
        let page = open(&mut browser, first, "/max_age/session").await;
        assert_eq!(life(line(&pair, &page)), None);
        for port in [second, first, second] {
            let page = open(&mut browser, port, "/count").await;
            assert_eq!(life(line(&pair, &page)), None);
            assert!(!line(&pair, &page).contains("max-age"));
        }
    }
}

async fn expired(pair: Arc<Pair>) {
    let ends = async |(first, second)| {
        let mut browser = Browser::default();
        open(&mut browser, first, "/count").await;
        open(&mut browser, first, "/max_age/1500").await;
        tokio::time::sleep(Duration::from_millis(1700)).await;
        assert_eq!(text(&mut browser, second, "/is_new").await, "true");
        assert_eq!(text(&mut browser, second, "/count").await, "1");
    };
    let [one, other] = pair.both();
    tokio::join!(ends(one), ends(other));
}

/// Apart from the value and the time of day, Rust says what Node says, to the byte.
async fn lines(pair: Arc<Pair>) {
    let shape = |page: &Page| -> Vec<String> {
        let lines = page.set_cookies.iter().map(|line| {
            let (name, rest) = line.split_once('=').unwrap();
            let (value, attributes) = rest.split_once("; ").unwrap();
            let attributes: Vec<_> = attributes
                .split("; ")
                .map(|it| {
                    it.split_once("expires=")
                        .map_or(it, |(_, date)| &date[date.len() - 3..])
                })
                .collect();
            format!("{name} {} {attributes:?}", value.len())
        });
        lines.collect()
    };
    for path in ["/count", "/max_age/600000", "/max_age/session", "/destroy"] {
        let [mut node, mut rust] = [Browser::default(), Browser::default()];
        let (mut from_node, mut from_rust) = (
            shape(&open(&mut node, pair.node, path).await),
            shape(&open(&mut rust, pair.rust, path).await),
        );
        if pair.store.is_some() && path != "/destroy" {
            // Our ids are 24 characters, theirs 36.
            for lines in [&mut from_node, &mut from_rust] {
                let first = lines[0].split_once(" [").unwrap().1.to_owned();
                lines[0] = first;
            }
        }
        assert_eq!(from_rust, from_node, "{path}");
    }
}

async fn empty(pair: Arc<Pair>) {
    for (first, second) in pair.both() {
        let mut browser = Browser::default();
        open(&mut browser, first, "/is_new").await;
        assert!(browser.cookies.is_empty());
        open(&mut browser, first, "/save").await;
        assert_eq!(text(&mut browser, second, "/is_new").await, "false");
        assert_eq!(text(&mut browser, second, "/values").await, "{}");
    }
}
