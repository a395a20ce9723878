//! Two tabs of one browser.

use std::sync::Arc;

use crate::chromium::Chromium;
use crate::quickstart::Quickstart;

pub(crate) async fn logout(chromium: Arc<Chromium>) {
    let quickstart = Quickstart::start().await;
    let browser = chromium.browser("tabs").await;
    quickstart.login(&browser, "Ada").await;
    let first = browser.new_tab().await;
    browser.open(&quickstart.url).await;
    assert_eq!(browser.text("h2#account").await, "Hello, Ada");
    browser.picture("tabs-before").await;

    let second = browser.switch(first).await;
    browser.follow("form[action='/logout'] button").await;
    assert_eq!(browser.text("h2#account").await, "Log in");

    // The page there is an old one, and what it sends comes from nobody.
    browser.switch(second).await;
    assert_eq!(browser.text("h2#account").await, "Hello, Ada");
    browser.write("#text", "from an old page").await;
    browser.follow("form[action='/notes'] button").await;
    assert_eq!(browser.text("h2#account").await, "Log in");
    browser.picture("tabs-after").await;
    browser.close().await;
}
