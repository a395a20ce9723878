//! `@eggjs/session`, and what egg and egg-session-redis test of it: cookie mode, and a store.

use std::time::Duration;

use http::StatusCode;
use session_layer::{Keys, MaxAge, Profile, SameSite, SessionLayer, SessionLayerBuilder};

use super::{EGG, client, outlive};
use crate::app::app;
use crate::client::{Client, Reply};
use crate::events::Events;
use crate::probe::Probe;

const CHROME_81: &str = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/81.0.4044.138 Safari/537.36";
const CHROME_114: &str = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/114.0.0.0 Safari/537.36";

fn keys() -> Keys {
    Keys::keygrip(["key1", "key2"]).unwrap()
}

fn egg() -> SessionLayerBuilder {
    SessionLayer::cookie(keys()).profile(Profile::Egg)
}

fn each() -> [SessionLayerBuilder; 4] {
    let over = |store| SessionLayer::new(store, keys()).profile(Profile::Egg);
    let atomic = |store| SessionLayer::atomic(store, keys()).profile(Profile::Egg);
    [
        egg(),
        egg().encrypt(false),
        over(Probe::new()),
        atomic(Probe::new()),
    ]
}

#[tokio::test]
async fn t01_the_defaults() {
    let mut client = client(egg());
    let reply = client.get("/insert/a/1").await;
    let line = reply.line(EGG).unwrap();
    let (_, attributes) = line.split_once("; ").unwrap();
    let (begin, rest) = attributes.split_once("; expires=").unwrap();
    assert_eq!(begin, "path=/; max-age=86400");
    assert!(rest.ends_with(" GMT; httponly"), "{rest}");
    assert!(
        reply.line("EGG_SESS.sig").is_none(),
        "encrypted, not signed"
    );
    assert_eq!(client.get("/life").await.body, "After(86400s)");
}

#[tokio::test]
async fn t02_the_store_is_really_used() {
    let store = Probe::new();
    let layer = SessionLayer::new(store.clone(), keys()).profile(Profile::Egg);
    let mut client = client(layer);
    assert!(client.get("/insert/a/1").await.line(EGG).is_some());
    let (key, _) = store.live().await.remove(0);
    store.wipe(&key).await;
    assert_eq!(client.get("/values").await.body, "{}");
}

#[tokio::test]
async fn t03_another_store_or_none_is_another_session() {
    let over = |store| SessionLayer::new(store, keys()).profile(Profile::Egg);
    let mut first = client(over(Probe::new()));
    let reply = first.get("/insert/a/1").await;
    assert!(!reply.line(EGG).unwrap().contains("samesite"));
    assert_eq!(first.get("/get/a").await.body, "1");
    assert_eq!(first.at(&app(egg())).get("/values").await.body, "{}");
    assert_eq!(
        first.at(&app(over(Probe::new()))).get("/values").await.body,
        "{}"
    );
}

#[tokio::test]
async fn t04_http_only_can_be_switched_off() {
    let reply = client(egg().http_only(false)).get("/insert/a/1").await;
    assert!(!reply.line(EGG).unwrap().contains("httponly"));
}

async fn https(layer: SessionLayerBuilder, agent: &str) -> Reply {
    let headers = [("x-forwarded-proto", "https"), ("user-agent", agent)];
    client(layer.trust_proxy(true))
        .with("/insert/a/1", &headers)
        .await
}

#[tokio::test]
async fn t05_same_site_none_over_https() {
    let reply = https(egg().same_site(SameSite::None), CHROME_81).await;
    assert!(
        reply
            .line(EGG)
            .unwrap()
            .ends_with("; samesite=none; secure; httponly")
    );
}

#[tokio::test]
async fn t06_partitioned_and_remove_unpartitioned_with_an_older_browser() {
    let layer = egg()
        .same_site(SameSite::None)
        .partitioned(true)
        .remove_unpartitioned(true);
    let reply = https(layer, CHROME_114).await;
    assert_eq!(reply.status, StatusCode::OK);
    assert_eq!(reply.set_cookies().len(), 1);
    assert!(
        reply
            .line(EGG)
            .unwrap()
            .ends_with("; samesite=none; secure; httponly")
    );
}

/// The log of a session of 100 ms that is asked for after 150.
async fn log_of_expired(layer: SessionLayerBuilder) -> String {
    let events = Events::record();
    let mut client = client(layer.max_age(Duration::from_millis(100)));
    client.get("/insert/name/content").await;
    outlive().await;
    client.peek("/values").await;
    assert_eq!(events.take(), ["expired"]);
    events.text()
}

#[tokio::test]
async fn t07_the_log_has_the_content() {
    assert!(log_of_expired(egg()).await.contains("content"));
}

#[tokio::test]
async fn t08_or_not() {
    let text = log_of_expired(egg().log_value(false)).await;
    assert!(
        !text.contains("content") && !text.contains("key="),
        "{text}"
    );
}

#[tokio::test]
async fn t09_nor_that_of_an_invalid_session() {
    let events = Events::record();
    let layer = egg().log_value(false).valid(|_, _| async { Ok(false) });
    let mut client = client(layer);
    client.get("/insert/name/content").await;
    assert_eq!(client.get("/values").await.body, "{}");
    assert_eq!(events.take(), ["invalid"]);
    assert!(!events.text().contains("content"));
}

#[tokio::test]
async fn t10_a_life_as_long_as_the_browsers() {
    for layer in each() {
        let reply = client(layer.max_age(MaxAge::Session))
            .get("/insert/a/1")
            .await;
        let line = reply.line(EGG).unwrap();
        assert!(
            !line.contains("expires") && !line.contains("max-age"),
            "{line}"
        );
    }
}

#[tokio::test]
async fn t11_the_same_for_one_session() {
    use axum::routing::get;

    let handler = |session: session_layer::Session| async move {
        session.insert("a", 1).await.unwrap();
        session.set_max_age(MaxAge::Session);
    };
    for layer in each() {
        let router = axum::Router::new().route("/", get(handler));
        let reply = Client::new(&router.layer(layer.build().unwrap()))
            .get("/")
            .await;
        let line = reply.line(EGG).unwrap();
        assert!(
            !line.contains("expires") && !line.contains("max-age"),
            "{line}"
        );
    }
}

#[tokio::test]
async fn t12_nothing_is_set_without_content() {
    for layer in each() {
        let reply = client(layer).get("/values").await;
        assert_eq!(reply.body, "{}");
        assert!(reply.set_cookies().is_empty());
    }
}

#[tokio::test]
async fn t13_t14_content_is_set_and_changed() {
    for layer in each() {
        let mut client = client(layer);
        assert!(client.get("/insert/foo/bar").await.line(EGG).is_some());
        assert_eq!(client.get("/values").await.body, r#"{"foo":"bar"}"#);
        assert!(client.get("/insert/key/bar").await.line(EGG).is_some());
        assert_eq!(
            client.get("/values").await.body,
            r#"{"foo":"bar","key":"bar"}"#
        );
    }
}

#[tokio::test]
async fn t15_destroy_removes() {
    for layer in each() {
        let mut client = client(layer);
        client.get("/insert/foo/bar").await;
        let reply = client.get("/destroy").await;
        assert!(reply.line(EGG).unwrap().starts_with("EGG_SESS=;"));
        assert_eq!(client.get("/values").await.body, "{}");
    }
}

#[tokio::test]
async fn t16_a_short_session_ends_also_for_who_keeps_the_cookie() {
    for layer in each() {
        let mut client = client(layer.max_age(Duration::from_millis(100)));
        let reply = client.get("/insert/foo/bar").await;
        let line = reply.line(EGG).unwrap();
        assert!(line.contains("; max-age=1; expires="), "{line}");
        outlive().await;
        assert_eq!(client.get("/values").await.body, "{}");
    }
}

/// Only one session is set while who it belongs to changes elsewhere.
#[tokio::test]
async fn egg_core_a_session_is_set_once_and_cleared() {
    let mut client = client(egg());
    assert!(client.get("/insert/user/1").await.line(EGG).is_some());
    assert!(client.get("/get/user").await.set_cookies().is_empty());
    assert!(client.get("/get/user").await.set_cookies().is_empty());
    assert!(
        client
            .get("/destroy")
            .await
            .line(EGG)
            .unwrap()
            .starts_with("EGG_SESS=;")
    );
}
