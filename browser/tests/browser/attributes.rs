//! The attributes of a cookie, as the browser understands them.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use session_layer::Secure;

use crate::chromium::Chromium;
use crate::quickstart::Quickstart;
use crate::site;

pub(crate) async fn stored(chromium: Arc<Chromium>) {
    let quickstart = Quickstart::start().await;
    let browser = chromium.browser("attributes").await;
    let before = now();
    browser.open(&quickstart.url).await;
    let after = now();
    let cookies = browser.cookies().await;
    browser.picture("quickstart").await;
    let [cookie] = &cookies[..] else {
        panic!("one session, one cookie: {}", cookies.len());
    };
    assert_eq!(cookie.name(), "EGG_SESS");
    assert!(!cookie.value().is_empty());
    assert_eq!(cookie.path(), Some("/"));
    assert_eq!(cookie.domain(), Some("127.0.0.1"));
    assert_eq!(cookie.http_only(), Some(true));
    assert_eq!(cookie.secure(), Some(false), "this is http");
    assert_eq!(cookie.same_site().unwrap().to_string(), "Lax");
    let expires = cookie.expires_datetime().expect("it has an end");
    let day = 86_400;
    let expected = before + day..=after + day + 1; // browsers round
    assert!(expected.contains(&expires.unix_timestamp()));
    browser.open(&quickstart.url).await;
    assert_eq!(browser.visits().await, 2);
    browser.close().await;
}

pub(crate) async fn http_only(chromium: Arc<Chromium>) {
    let quickstart = Quickstart::start().await;
    let readable = site::visits(site::sessions().http_only(false).key("readable")).await;
    let browser = chromium.browser("http-only").await;
    browser.open(&quickstart.url).await;
    assert_eq!(browser.cookies().await.len(), 1);
    assert_eq!(browser.script("return document.cookie").await, "");
    // And would it be seen here?
    browser.open(&format!("http://127.0.0.1:{readable}/")).await;
    assert_eq!(browser.cookies().await.len(), 2, "ports share cookies");
    let seen = browser.script("return document.cookie").await;
    assert!(seen.as_str().unwrap().starts_with("readable="), "{seen}");
    browser.close().await;
}

/// Chromium trusts its own machine as it does https, and no other name without that.
pub(crate) async fn secure(chromium: Arc<Chromium>) {
    for (number, (host, secure, stored)) in [
        ("shop.test", Secure::Always, None),
        ("shop.test", Secure::Auto, Some(false)),
        ("127.0.0.1", Secure::Always, Some(true)),
    ]
    .into_iter()
    .enumerate()
    {
        let port = site::visits(site::sessions().secure(secure)).await;
        let browser = chromium.browser(&format!("secure-{number}")).await;
        let url = format!("http://{host}:{port}/");
        browser.open(&url).await;
        assert_eq!(browser.visits().await, 1);
        let cookies = browser.cookies().await;
        let found = cookies.first().map(|cookie| cookie.secure().unwrap());
        assert_eq!(found, stored, "{host} {secure:?}");
        browser.open(&url).await;
        let visits = if stored.is_some() { 2 } else { 1 };
        assert_eq!(browser.visits().await, visits, "{host} {secure:?}");
        browser.picture(&format!("secure-{number}")).await;
        browser.close().await;
    }
}

fn now() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(now.as_millis() / 1000).unwrap()
}
