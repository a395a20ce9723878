//! `valid`, `beforeSave` and `externalKey` of both sides at work on the same sessions.

use std::sync::Arc;

use interop::{Browser, Page};
use serde_json::{Value, json};

use crate::pair::{Cases, Pair};
use crate::visit::{open, text};

/// With sessions that are for the visitor who began them.
pub(crate) const BOUND: Cases = &[
    ("a_visitor_keeps_the_session_at_both", |pair| {
        Box::pin(kept(pair))
    }),
    ("another_visitor_has_it_at_neither", |pair| {
        Box::pin(refused(pair))
    }),
];

/// With ids that a header carries.
pub(crate) const IN_HEADER: Cases = &[
    ("the_id_of_one_is_the_id_of_the_other", |pair| {
        Box::pin(carried(pair))
    }),
    ("a_moved_session_is_under_its_new_id_alone", |pair| {
        Box::pin(moved(pair))
    }),
    ("a_destroyed_session_is_gone_for_both", |pair| {
        Box::pin(destroyed(pair))
    }),
    ("an_id_of_no_session_is_adopted_by_neither", |pair| {
        Box::pin(unknown(pair))
    }),
];

fn visitor(name: &str) -> Browser {
    let mut browser = Browser::default();
    browser
        .headers
        .insert("x-visitor".to_owned(), name.to_owned());
    browser
}

async fn kept(pair: Arc<Pair>) {
    for (first, second) in pair.both() {
        let mut ada = visitor("Ada");
        assert_eq!(text(&mut ada, first, "/count").await, "1");
        assert_eq!(text(&mut ada, second, "/count").await, "2");
        let writer = if second == pair.node { "node" } else { "rust" };
        let expected = json!({"count": 2, "visitor": "Ada", "writer": writer});
        for port in [first, second] {
            let page = open(&mut ada, port, "/values").await;
            let values: Value = serde_json::from_str(&page.body).unwrap();
            assert_eq!(values, expected);
            assert!(page.set_cookies.is_empty(), "nothing has changed: {page:?}");
        }
    }
}

async fn refused(pair: Arc<Pair>) {
    for (first, second) in pair.both() {
        let mut ada = visitor("Ada");
        assert_eq!(text(&mut ada, first, "/count").await, "1");
        let mut eve = visitor("Eve");
        eve.cookies = ada.cookies.clone();
        for port in [first, second] {
            assert_eq!(text(&mut eve, port, "/is_new").await, "true");
            assert_eq!(text(&mut eve, port, "/values").await, "{}");
        }
        assert_eq!(text(&mut eve, second, "/count").await, "1");
        assert_ne!(eve.cookies, ada.cookies);
        assert_eq!(text(&mut ada, second, "/count").await, "2");
        assert_eq!(text(&mut eve, first, "/count").await, "2");
        assert_eq!(text(&mut ada, first, "/count").await, "3");
    }
}

/// As an application would: it sends the id that it was given last.
async fn call(browser: &mut Browser, port: u16, path: &str) -> Page {
    let page = open(browser, port, path).await;
    if let Some(id) = &page.id {
        browser.headers.insert("x-session".to_owned(), id.clone());
    }
    page
}

async fn carried(pair: Arc<Pair>) {
    for (first, second) in pair.both() {
        let mut browser = Browser::default();
        let page = call(&mut browser, first, "/count").await;
        assert!(page.set_cookies.is_empty(), "{page:?}");
        for (port, count) in [(second, "2"), (first, "3")] {
            let changed = call(&mut browser, port, "/count").await;
            assert_eq!(changed.body, count);
            assert_eq!(changed.id, page.id);
            assert!(changed.set_cookies.is_empty(), "{changed:?}");
            let seen = call(&mut browser, port, "/values").await;
            assert_eq!(seen.body, format!("{{\"count\":{count}}}"));
            assert_eq!(seen.id, None, "nothing has changed");
        }
    }
}

async fn moved(pair: Arc<Pair>) {
    for (first, second) in pair.both() {
        let mut browser = Browser::default();
        call(&mut browser, first, "/count").await;
        let mut thief = browser.clone();
        call(&mut browser, second, "/regenerate").await;
        assert_ne!(browser.headers, thief.headers);
        for (port, count) in [(first, "2"), (second, "3")] {
            assert_eq!(call(&mut thief.clone(), port, "/is_new").await.body, "true");
            assert_eq!(call(&mut browser, port, "/count").await.body, count);
        }
        assert_eq!(call(&mut thief, first, "/count").await.body, "1");
    }
}

async fn destroyed(pair: Arc<Pair>) {
    for (first, second) in pair.both() {
        let mut browser = Browser::default();
        call(&mut browser, first, "/count").await;
        call(&mut browser, second, "/destroy").await;
        for port in [first, second] {
            assert_eq!(call(&mut browser, port, "/is_new").await.body, "true");
        }
    }
}

async fn unknown(pair: Arc<Pair>) {
    for id in [
        "00000000-0000-4000-8000-000000000000",
        "AAAAAAAAAAAAAAAAAAAAAAAA",
    ] {
        for port in [pair.node, pair.rust] {
            let mut browser = Browser::default();
            browser
                .headers
                .insert("x-session".to_owned(), id.to_owned());
            let page = call(&mut browser, port, "/count").await;
            assert_eq!(page.body, "1");
            assert!(page.id.is_some_and(|given| given != id));
        }
    }
}
