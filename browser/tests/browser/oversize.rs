//! A session that is too large for its cookie.

use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use session_layer::{Error, ErrorKind, Keys, Result, Session, SessionLayer};

use crate::browser::Browser;
use crate::chromium::Chromium;
use crate::site;

/// A site that keeps what it is told in the cookie: a little, or more than fits.
async fn cookie_site() -> String {
    let routes = Router::new()
        .route("/", get(basket))
        .route("/a-little", post(add_little))
        .route("/too-much", post(add_too_much))
        .route("/too-much/unnoticed", post(add_unnoticed));
    let sessions = SessionLayer::cookie(Keys::generate().unwrap());
    let port = site::serve(routes.layer(sessions.build().unwrap())).await;
    format!("http://127.0.0.1:{port}/")
}

async fn basket(session: Session) -> Result<Html<String>> {
    let things: String = session.get("things").await?.unwrap_or_default();
    Ok(Html(format!(
        "<!doctype html><title>Basket</title><p>Things: <b id=things>{}</b></p>
        <form method=post><button formaction=/a-little id=little>a little</button>
        <button formaction=/too-much id=much>too much</button>
        <button formaction=/too-much/unnoticed id=unnoticed>too much, unnoticed</button></form>",
        things.len()
    )))
}

async fn add_little(session: Session) -> Result<Response> {
    session.insert("things", "x".repeat(100)).await?;
    basket(session).await.map(IntoResponse::into_response)
}

/// Finds out, takes it back, and says so.
async fn add_too_much(session: Session) -> Result<Response> {
    let before: Option<String> = session.get("things").await?;
    session.insert("things", "x".repeat(5_000)).await?;
    match session.save().await {
        Err(error) if error.kind() == ErrorKind::TooLarge => {
            session.insert("things", before).await?;
            Ok(refusal(&error))
        }
        saved => saved.map(|()| "it fits".into_response()),
    }
}

fn refusal(error: &Error) -> Response {
    let html = format!(
        "<!doctype html><title>Full</title><p role=alert>Your basket is full. Take something out first.</p>
        <p>For those who know: {error}.</p><p><a href=/>Back to the basket</a></p>"
    );
    (StatusCode::PAYLOAD_TOO_LARGE, Html(html)).into_response()
}

async fn add_unnoticed(session: Session) -> Result<&'static str> {
    session.insert("things", "x".repeat(5_000)).await?;
    Ok("this is not true")
}

/// An application that asks gets an answer that it can show.
pub(crate) async fn in_words(chromium: Arc<Chromium>) {
    let (browser, url) = with_a_little(&chromium, "oversize").await;
    browser.follow("#much").await;
    assert_eq!(browser.status().await, 413);
    let words = browser.text("[role=alert]").await;
    assert_eq!(words, "Your basket is full. Take something out first.");
    browser.picture("oversize").await;
    still_has_it(browser, &url).await;
}

/// One that does not fails whole, and its users have what they had.
pub(crate) async fn in_none(chromium: Arc<Chromium>) {
    let (browser, url) = with_a_little(&chromium, "oversize-unnoticed").await;
    browser.follow("#unnoticed").await;
    let page = browser.text("body").await;
    assert!(page.contains("HTTP ERROR 500"), "{page}");
    browser.picture("oversize-unnoticed").await;
    still_has_it(browser, &url).await;
}

async fn with_a_little(chromium: &Chromium, profile: &str) -> (Browser, String) {
    let url = cookie_site().await;
    let browser = chromium.browser(profile).await;
    browser.open(&url).await;
    browser.follow("#little").await;
    assert_eq!(browser.status().await, 200);
    assert_eq!(browser.text("#things").await, "100");
    (browser, url)
}

async fn still_has_it(browser: Browser, url: &str) {
    browser.open(url).await;
    assert_eq!(browser.text("#things").await, "100");
    browser.close().await;
}
