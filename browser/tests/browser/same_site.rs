//! What the browser sends when another site has it ask.

use std::sync::Arc;

use session_layer::SameSite;

use crate::chromium::Chromium;
use crate::quickstart::Quickstart;
use crate::site;

/// Links, forms and frames on a page elsewhere that lead to a site which has a session.
pub(crate) async fn modes(chromium: Arc<Chromium>) {
    let browser = chromium.browser("same-site").await;
    for (mode, link, form, frame) in [
        (SameSite::Strict, 0, 0, 0),
        (SameSite::Lax, 1, 0, 0),
        (SameSite::None, 1, 1, 1),
    ] {
        let key = format!("{mode:?}");
        let sessions = site::sessions().key(&key).same_site(mode);
        // Browsers take `None` with `Secure` alone, and this over http from their own machine alone.
        let sessions = sessions.secure(mode == SameSite::None);
        let site = format!("http://127.0.0.1:{}", site::visits(sessions).await);
        let look = format!("{site}/look");
        let elsewhere = site::page(format!(
            "<!doctype html><title>Elsewhere</title>
            <p><a href='{look}'>a link</a></p>
            <form method=post action='{look}'><button>a form</button></form>
            <iframe src='{look}'></iframe>"
        ));
        let elsewhere = format!("http://elsewhere.test:{}/", elsewhere.await);

        browser.open(&site).await;
        assert_eq!(browser.visits().await, 1);
        let cookies = browser.cookies().await;
        let cookie = cookies.iter().find(|cookie| cookie.name() == key).unwrap();
        assert_eq!(cookie.same_site().unwrap().to_string(), key);
        browser.open(&elsewhere).await;
        assert_eq!(browser.visits_in_frame().await, frame, "{mode:?}: frame");
        browser.picture(&format!("same-site-{key}")).await;
        browser.follow("a").await;
        assert_eq!(browser.visits().await, link, "{mode:?}: link");
        browser.open(&elsewhere).await;
        browser.follow("button").await;
        assert_eq!(browser.visits().await, form, "{mode:?}: form");
        browser.open(&look).await;
        assert_eq!(browser.visits().await, 1, "{mode:?}: our own site");
    }
    browser.close().await;
}

/// Frames of one site on pages of two others.
pub(crate) async fn partitioned(chromium: Arc<Chromium>) {
    let browser = chromium.browser("partitioned").await;
    for (partitioned, expected) in [(true, [1, 2, 1, 2, 1]), (false, [1, 2, 3, 4, 5])] {
        let sessions = site::sessions().key(format!("partitioned-{partitioned}"));
        let sessions = sessions.same_site(SameSite::None).secure(true);
        let site = site::visits(sessions.partitioned(partitioned)).await;
        let site = format!("http://127.0.0.1:{site}/");
        let around = format!("<!doctype html><title>Around</title><iframe src='{site}'></iframe>");
        let around = site::page(around).await;
        let mut visits = Vec::new();
        for host in ["one.test", "one.test", "two.test", "two.test"] {
            browser.open(&format!("http://{host}:{around}/")).await;
            visits.push(browser.visits_in_frame().await);
        }
        browser.open(&site).await;
        visits.push(browser.visits().await);
        assert_eq!(visits, expected, "partitioned: {partitioned}");
    }
    browser.close().await;
}

/// A page elsewhere that links to the quickstart, and would have people throw away their first note.
pub(crate) async fn quickstart(chromium: Arc<Chromium>) {
    let quickstart = Quickstart::start().await;
    let url = &quickstart.url;
    let elsewhere = site::page(format!(
        "<!doctype html><title>Elsewhere</title>
        <p><a href='{url}'>a link</a></p>
        <form method=post action='{url}notes/remove'>
        <input type=hidden name=id value=0><button id=prize>a prize</button></form>
        <form method=post action='{url}logout'><button id=out>another</button></form>
        <form method=post action='{url}login'>
        <input type=hidden name=name value=Mallory><button id=in>the last</button></form>"
    ));
    let elsewhere = format!("http://elsewhere.test:{}/", elsewhere.await);
    let browser = chromium.browser("another-site").await;
    quickstart.login(&browser, "Ada").await;
    browser.write("#text", "mine").await;
    browser.follow("form[action='/notes'] button").await;
    for target in ["a", "#prize", "#out", "#in"] {
        browser.open(&elsewhere).await;
        browser.follow(target).await;
        if target != "a" {
            browser.open(url).await; // however that was answered
        }
        assert_eq!(browser.text("h2#account").await, "Hello, Ada", "{target}");
        assert_eq!(browser.text("li span").await, "mine", "{target}");
    }
    browser.picture("another-site").await;
    // And is it the note that the form elsewhere means?
    let id = "return document.querySelector('[name=id]').value";
    assert_eq!(browser.script(id).await, "0");
    browser.follow("form[action='/notes/remove'] button").await;
    assert_eq!(browser.text("section p.field").await, "Nothing noted yet.");
    browser.close().await;
}
