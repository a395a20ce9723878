//! Sessions that nobody changes live on, whichever side is visited.

use std::sync::Arc;
use std::time::Duration;

use interop::{Browser, Page};

use crate::pair::{Cases, Pair};
use crate::visit::{is_about, life, line, open, text};

/// With `rolling` and with `renew`.
pub(crate) const CASES: Cases = &[
    ("a_life_as_long_as_the_browsers_stays_so", |pair| {
        Box::pin(session_life(pair))
    }),
    ("a_new_session_is_not_renewed", |pair| Box::pin(new(pair))),
    ("an_expired_session_is_not_renewed", |pair| {
        Box::pin(expired(pair))
    }),
];

pub(crate) const ROLLING: Cases = &[
    ("each_visit_renews", |pair| Box::pin(rolling(pair))),
    ("a_visit_that_leaves_the_session_alone_renews", |pair| {
        Box::pin(idle(pair))
    }),
];

pub(crate) const RENEW: Cases = &[
    ("a_visit_in_the_second_half_renews", |pair| {
        Box::pin(second_half(pair))
    }),
    ("a_visit_in_the_first_half_does_not", |pair| {
        Box::pin(first_half(pair))
    }),
];

const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A visitor whose session of one day began so long ago. Node can write it so.
async fn visitor(pair: &Pair, begins_at: u16, ago: Duration) -> Browser {
    let mut browser = Browser::default();
    open(&mut browser, begins_at, "/count").await;
    let path = format!("/aged/{}", ago.as_millis());
    open(&mut browser, pair.node, &path).await;
    browser
}

/// The session's line, for a whole day.
fn is_renewed(pair: &Pair, page: &Page) {
    let left = life(line(pair, page)).unwrap();
    assert!((86_340..=86_401).contains(&left), "{left}");
}

/// A visitor whose session one began, and the other renewed when six hours were left of it.
async fn renewed(pair: &Pair, first: u16, second: u16) -> Browser {
    let mut browser = visitor(pair, first, 18 * HOUR).await;
    let page = open(&mut browser, second, "/left").await;
    is_about(&page.body, 6 * HOUR);
    is_renewed(pair, &page);
    browser
}

async fn rolling(pair: Arc<Pair>) {
    for (first, second) in pair.both() {
        let mut browser = renewed(&pair, first, second).await;
        for port in [first, second] {
            let page = open(&mut browser, port, "/left").await;
            is_about(&page.body, DAY);
            is_renewed(&pair, &page);
        }
        assert_eq!(text(&mut browser, first, "/count").await, "2");
    }
}

/// In a cookie, Node renews only what was read; Rust reads it for that.
async fn idle(pair: Arc<Pair>) {
    for (first, second) in pair.both() {
        let mut browser = visitor(&pair, first, 18 * HOUR).await;
        let page = open(&mut browser, second, "/idle").await;
        if second == pair.node && pair.store.is_none() {
            assert!(page.set_cookies.is_empty());
        } else {
            is_renewed(&pair, &page);
            is_about(&text(&mut browser, first, "/left").await, DAY);
        }
    }
}

async fn second_half(pair: Arc<Pair>) {
    for (first, second) in pair.both() {
        let mut browser = renewed(&pair, first, second).await;
        for port in [first, second] {
            let page = open(&mut browser, port, "/left").await;
            is_about(&page.body, DAY);
            assert!(page.set_cookies.is_empty(), "{page:?}");
        }
    }
}

async fn first_half(pair: Arc<Pair>) {
    for (first, second) in pair.both() {
        let mut browser = visitor(&pair, first, 6 * HOUR).await;
        for port in [second, first] {
            let page = open(&mut browser, port, "/left").await;
            is_about(&page.body, 18 * HOUR);
            assert!(page.set_cookies.is_empty(), "{page:?}");
        }
    }
}

async fn session_life(pair: Arc<Pair>) {
    for (first, second) in pair.both() {
        let mut browser = Browser::default();
        open(&mut browser, first, "/count").await;
        open(&mut browser, first, "/max_age/session").await;
        for port in [second, first, second] {
            let page = open(&mut browser, port, "/left").await;
            assert_eq!(page.body, "all");
            let end = |line: &String| line.contains("expires") || line.contains("max-age");
            assert!(!page.set_cookies.iter().any(end), "{page:?}");
        }
    }
}

async fn new(pair: Arc<Pair>) {
    for port in [pair.node, pair.rust] {
        for path in ["/values", "/idle"] {
            let page = open(&mut Browser::default(), port, path).await;
            assert!(page.set_cookies.is_empty(), "{page:?}");
        }
    }
}

async fn expired(pair: Arc<Pair>) {
    for (first, second) in pair.both() {
        let mut browser = visitor(&pair, first, DAY + HOUR).await;
        for port in [second, first] {
            let page = open(&mut browser, port, "/is_new").await;
            assert_eq!(page.body, "true");
            assert!(page.set_cookies.is_empty(), "{page:?}");
        }
    }
}
