//! Sessions that live in their cookie.

use std::time::Duration;

use axum::Router;
use axum::routing::get;
use http::StatusCode;
use session_layer::{ErrorKind, Keys, MaxAge, Profile, Session, SessionLayer, SessionLayerBuilder};

use crate::app::{app, keys, routes};
use crate::client::Client;

fn sealed() -> SessionLayerBuilder {
    SessionLayer::cookie(keys())
}

/// Each form of cookie.
pub(crate) fn each() -> Vec<SessionLayerBuilder> {
    let node = |profile| SessionLayer::cookie(Keys::keygrip(["key"]).unwrap()).profile(profile);
    vec![
        sealed(),
        sealed().encrypt(false),
        node(Profile::Egg),
        node(Profile::Egg).encrypt(false),
        node(Profile::Koa),
    ]
}

#[tokio::test]
async fn a_session_lives_from_request_to_request() {
    for layer in each() {
        let mut client = Client::new(&app(layer.key("sid")));
        assert_eq!(client.get("/count").await.body, "1");
        assert_eq!(client.get("/count").await.body, "2");
        assert_eq!(client.get("/is_new").await.body, "false");
        assert_eq!(client.get("/key").await.body, "-", "it has no id");
        client.get("/clear").await;
        assert_eq!(client.get("/len").await.body, "0");
        assert_eq!(client.get("/is_new").await.body, "false");
        client.get("/destroy").await;
        assert!(client.cookies.is_empty());
        assert_eq!(client.get("/is_new").await.body, "true");
    }
}

#[tokio::test]
async fn a_new_one_may_begin_after_the_end() {
    for layer in each() {
        let mut client = Client::new(&app(layer.key("sid")));
        client.get("/insert/a/1").await;
        client.get("/anew/Ada").await;
        assert_eq!(client.get("/values").await.body, r#"{"user":"Ada"}"#);
    }
}

#[tokio::test]
async fn text_of_any_language_comes_back() {
    let put = |session: Session| async move { session.insert("a", "żółw 🐢\0\"\u{7f}").await };
    let check = |session: Session| async move {
        let value: Option<String> = session.get("a").await.unwrap();
        assert_eq!(value.as_deref(), Some("żółw 🐢\0\"\u{7f}"));
    };
    for layer in each() {
        let router = Router::new()
            .route("/put", get(put))
            .route("/check", get(check));
        let mut client = Client::new(&router.layer(layer.build().unwrap()));
        assert_eq!(client.get("/put").await.status, StatusCode::OK);
        assert_eq!(client.get("/check").await.status, StatusCode::OK);
    }
}

#[tokio::test]
async fn save_and_response_send_one_cookie_and_the_last_content() {
    let handler = |session: Session| async move {
        session.insert("a", 1).await.unwrap();
        session.save().await.unwrap();
        session.insert("b", 2).await.unwrap();
    };
    for layer in each() {
        let router = routes().route("/", get(handler));
        let mut client = Client::new(&router.layer(layer.key("sid").build().unwrap()));
        let reply = client.get("/").await;
        assert_eq!(
            reply
                .set_cookies()
                .iter()
                .filter(|line| line.starts_with("sid="))
                .count(),
            1
        );
        assert_eq!(client.get("/values").await.body, r#"{"a":1,"b":2}"#);
    }
}

#[tokio::test]
async fn save_tells_that_it_is_too_large() {
    let handler = |session: Session| async move {
        session.insert("a", "x".repeat(5000)).await.unwrap();
        let error = session.save().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TooLarge);
        session.remove("a").await.unwrap();
        session.insert("b", 2).await.unwrap();
    };
    for layer in each() {
        let router = routes().route("/", get(handler));
        let mut client = Client::new(&router.layer(layer.key("sid").build().unwrap()));
        assert_eq!(client.get("/").await.status, StatusCode::OK);
        assert_eq!(client.get("/values").await.body, r#"{"b":2}"#);
    }
}

#[tokio::test]
async fn a_session_too_large_keeps_what_the_browser_had() {
    let mut client = Client::new(&app(sealed()));
    client.get("/insert/a/1").await;
    let reply = client.get(&format!("/insert/b/{}", "x".repeat(5000))).await;
    assert_eq!(reply.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert!(reply.set_cookies().is_empty());
    assert_eq!(client.get("/values").await.body, r#"{"a":"1"}"#);
}

#[tokio::test]
async fn rolling_and_renew_work_where_nobody_looks() {
    for layer in each() {
        let mut client = Client::new(&app(layer.clone().key("sid").rolling(true)));
        assert!(client.get("/idle").await.set_cookies().is_empty());
        client.get("/insert/a/1").await;
        assert!(!client.get("/idle").await.set_cookies().is_empty());
        let short = Duration::from_millis(200);
        let mut client = Client::new(&app(layer.key("sid").renew(true).max_age(short)));
        client.get("/insert/a/1").await;
        tokio::time::sleep(Duration::from_millis(130)).await;
        let late = client.get("/idle").await; // in the second half, or already over
        assert_eq!(
            late.set_cookies().is_empty(),
            client.get("/is_new").await.body == "true"
        );
    }
}

#[tokio::test]
async fn a_life_as_long_as_the_browsers_has_no_end() {
    for layer in each() {
        let mut client = Client::new(&app(layer.max_age(MaxAge::Session).rolling(true)));
        for path in ["/insert/a/1", "/idle", "/insert/b/2"] {
            for line in client.get(path).await.set_cookies() {
                let line = line.to_ascii_lowercase();
                assert!(
                    !line.contains("expires") && !line.contains("max-age"),
                    "{line}"
                );
            }
        }
        assert_eq!(client.get("/expires_in").await.body, "-");
    }
}

#[tokio::test]
async fn the_cookie_of_one_purpose_is_none_for_the_other() {
    let store = crate::probe::Probe::new();
    for encrypt in [true, false] {
        let over = || SessionLayer::atomic(store.clone(), keys()).encrypt(encrypt);
        let mut with_store = Client::new(&app(over()));
        with_store.get("/insert/a/1").await;
        let mut without = with_store.at(&app(sealed().encrypt(encrypt)));
        assert_eq!(without.get("/is_new").await.body, "true");
        let mut without = Client::new(&app(sealed().encrypt(encrypt)));
        without.get("/insert/a/1").await;
        store.calls();
        assert_eq!(without.at(&app(over())).get("/is_new").await.body, "true");
        assert!(store.calls().is_empty());
    }
}

#[tokio::test]
async fn names_that_node_would_lose_are_refused_where_it_shares() {
    let handler = |session: Session| async move {
        let kinds = async |name: &str| {
            let error = session.insert(name, 1).await.unwrap_err();
            let replaced = session
                .replace(serde_json::json!({name: 1}))
                .await
                .unwrap_err();
            assert_eq!(error.kind(), replaced.kind());
            error.kind()
        };
        for name in [
            "_csrf", "isNew", "maxAge", "length", "save", "toJSON", "_expire",
        ] {
            assert_eq!(kinds(name).await, ErrorKind::ReservedName, "{name}");
        }
    };
    for layer in each().into_iter().skip(2) {
        let router = Router::new().route("/", get(handler));
        let reply = Client::new(&router.layer(layer.build().unwrap()))
            .get("/")
            .await;
        assert_eq!(reply.status, StatusCode::OK);
    }
    let ours = |session: Session| async move { session.insert("_csrf", 1).await };
    let router = Router::new()
        .route("/", get(ours))
        .layer(sealed().build().unwrap());
    assert_eq!(Client::new(&router).get("/").await.status, StatusCode::OK);
}
