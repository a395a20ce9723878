//! What a browser still knows when it is started again.

use std::sync::Arc;

use session_layer::MaxAge;

use crate::chromium::Chromium;
use crate::quickstart::Quickstart;
use crate::site;

pub(crate) async fn restart(chromium: Arc<Chromium>) {
    let quickstart = Quickstart::start().await;
    let sessions = site::sessions().key("brief").max_age(MaxAge::Session);
    let brief = site::visits(sessions).await;
    let brief = format!("http://127.0.0.1:{brief}/");
    let browser = chromium.browser("restart").await;
    quickstart.login(&browser, "Ada").await;
    for visits in 1..=2 {
        browser.open(&brief).await;
        assert_eq!(browser.visits().await, visits);
    }
    assert_eq!(browser.cookies().await.len(), 2, "ports share cookies");
    browser.close().await;

    let browser = chromium.browser("restart").await;
    browser.open(&quickstart.url).await;
    assert_eq!(browser.text("h2#account").await, "Hello, Ada");
    browser.picture("restart-max-age").await;
    let cookies = browser.cookies().await;
    let names: Vec<_> = cookies.iter().map(|cookie| cookie.name()).collect();
    assert_eq!(names, ["EGG_SESS"]);
    browser.open(&brief).await;
    assert_eq!(browser.visits().await, 1, "a new session");
    browser.picture("restart-session").await;
    browser.close().await;
}
