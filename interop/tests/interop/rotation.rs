//! Each side writes with what is the other's old key, encrypted.
//!
//! Nothing in egg's encryption is authenticated: of 256 texts, one opens with the wrong key as well, and is garbage to
//! egg, which then begins a new session. So of several sessions egg has to read most. Rust sees that it is garbage.

use std::sync::Arc;

use interop::Browser;

use crate::pair::{Cases, Pair};
use crate::visit::{line, open, text};

pub(crate) const CASES: Cases = &[
    ("what_is_under_the_others_old_key_is_read", |pair| {
        Box::pin(read(pair))
    }),
    ("rust_renews_what_is_under_its_old_key", |pair| {
        Box::pin(renewed(pair))
    }),
];

const SESSIONS: usize = 8;

async fn read(pair: Arc<Pair>) {
    for (first, second) in pair.both() {
        let mut read = 0;
        for _ in 0..SESSIONS {
            let mut browser = Browser::default();
            open(&mut browser, first, "/count").await;
            read += usize::from(text(&mut browser, second, "/count").await == "2");
        }
        let garbled = if second == pair.node { 2 } else { 0 };
        assert!(read + garbled >= SESSIONS, "{read} of {SESSIONS}");
    }
}

async fn renewed(pair: Arc<Pair>) {
    let mut browser = Browser::default();
    open(&mut browser, pair.node, "/count").await;
    let old = browser.clone();
    let page = open(&mut browser, pair.rust, "/values").await;
    line(&pair, &page);
    assert_ne!(browser.cookies, old.cookies);
    assert_eq!(page.body, r#"{"count":1}"#);
    let page = open(&mut browser, pair.rust, "/values").await;
    assert!(page.set_cookies.is_empty(), "once: {page:?}");
}
