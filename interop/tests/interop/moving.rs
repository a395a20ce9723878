//! A fleet moves from Node to Rust, and to Rust's own form of cookie.

use std::sync::Arc;

use interop::Browser;

use crate::pair::{Cases, Pair};
use crate::visit::{open, text};

pub(crate) const CASES: Cases = &[
    ("a_visitor_of_nodes_stays", |pair| Box::pin(stays(pair))),
    ("a_life_of_its_own_moves_too", |pair| {
        Box::pin(own_life(pair))
    }),
    ("what_node_cannot_open_is_a_new_session_there", |pair| {
        Box::pin(sealed(pair))
    }),
];

async fn stays(pair: Arc<Pair>) {
    let mut browser = Browser::default();
    assert_eq!(text(&mut browser, pair.node, "/count").await, "1");
    assert_eq!(text(&mut browser, pair.rust, "/is_new").await, "false");
    let names: Vec<_> = browser.cookies.keys().collect();
    assert_eq!(names, ["EGG_SESS"], "the cookie in its new form, alone");
    for count in ["2", "3"] {
        assert_eq!(text(&mut browser, pair.rust, "/count").await, count);
    }
}

async fn own_life(pair: Arc<Pair>) {
    let mut browser = Browser::default();
    open(&mut browser, pair.node, "/count").await;
    open(&mut browser, pair.node, "/max_age/session").await;
    for _ in 0..2 {
        assert_eq!(text(&mut browser, pair.rust, "/left").await, "all");
    }
}

async fn sealed(pair: Arc<Pair>) {
    let mut browser = Browser::default();
    open(&mut browser, pair.rust, "/count").await;
    let mut elsewhere = browser.clone();
    assert_eq!(text(&mut elsewhere, pair.node, "/is_new").await, "true");
    assert_eq!(text(&mut elsewhere, pair.node, "/count").await, "1");
    assert_eq!(text(&mut browser, pair.rust, "/count").await, "2");
}
