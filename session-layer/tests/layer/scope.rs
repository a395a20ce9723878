//! Requests that are served less: ignored ones, and those while the store is down.

use http::StatusCode;
use session_layer::{OnStoreError, RequestFilter, SessionLayerBuilder};
use session_store_api::ErrorKind as StoreErrorKind;

use crate::app::{app, atomic};
use crate::client::Client;
use crate::probe::Probe;

/// A client with a session of `store`, at an application with `layer`.
async fn at(store: &Probe, layer: SessionLayerBuilder) -> Client {
    let mut client = Client::new(&app(atomic(store)));
    client.get("/insert/a/1").await;
    store.calls();
    client.at(&app(layer))
}

#[tokio::test]
async fn an_ignored_request_may_look_and_writes_nothing() {
    let store = Probe::new();
    let all = RequestFilter::test(|_| true);
    for layer in [
        atomic(&store).enable(false),
        atomic(&store).ignore("/"),
        atomic(&store).ignore(all),
        atomic(&store).only("/elsewhere"),
        atomic(&store).only(["/nowhere", "/elsewhere"]),
    ] {
        let client = at(&store, layer.rolling(true)).await;
        assert!(client.peek("/idle").await.set_cookies().is_empty());
        assert!(store.calls().is_empty(), "not renewed either");
        assert_eq!(client.peek("/get/a").await.body, "1");
        assert_eq!(client.peek("/is_new").await.body, "false");
        for path in [
            "/insert/a/2",
            "/remove/a",
            "/clear",
            "/save",
            "/commit",
            "/replace/%7B%7D",
        ] {
            let reply = client.peek(path).await;
            assert_eq!(reply.status, StatusCode::SERVICE_UNAVAILABLE, "{path}");
            assert!(reply.set_cookies().is_empty(), "{path}");
        }
        for path in ["/regenerate", "/destroy", "/max_age/1000"] {
            let reply = client.peek(path).await;
            assert_eq!(
                reply.status,
                StatusCode::SERVICE_UNAVAILABLE,
                "{path}: not in silence"
            );
            assert!(reply.set_cookies().is_empty(), "{path}");
        }
        assert!(store.calls().iter().all(|call| *call == "get"));
        store.refuse("get", StoreErrorKind::Unavailable);
        assert_eq!(client.peek("/get/a").await.body, "-", "it does without");
        store.recover();
        assert_eq!(store.only().await["a"], "1");
        for (key, _) in store.live().await {
            store.wipe(&key).await;
        }
    }
}

#[tokio::test]
async fn a_request_that_matches_is_served() {
    let store = Probe::new();
    for layer in [
        atomic(&store).only("/insert"),
        atomic(&store).ignore("/get"),
        atomic(&store).only(RequestFilter::from("/none").or("/insert")),
    ] {
        let client = at(&store, layer).await;
        assert_eq!(client.peek("/insert/b/2").await.set_cookies().len(), 1);
        for (key, _) in store.live().await {
            store.wipe(&key).await;
        }
    }
}

#[tokio::test]
async fn while_the_store_is_down_a_page_may_be_shown_without_its_session() {
    let store = Probe::new();
    let client = at(
        &store,
        atomic(&store).on_store_error(OnStoreError::ReadOnly),
    )
    .await;
    let before = store.live().await;
    for kind in [StoreErrorKind::Unavailable, StoreErrorKind::Timeout] {
        store.refuse("all", kind);
        let reply = client.peek("/get/a").await;
        assert_eq!((reply.status, reply.body.as_str()), (StatusCode::OK, "-"));
        assert!(reply.set_cookies().is_empty());
        for path in [
            "/insert/a/2",
            "/remove/a",
            "/clear",
            "/replace/%7B%7D",
            "/save",
            "/destroy",
            "/regenerate",
            "/login/Ada",
            "/max_age/1000",
            "/anew/Ada",
        ] {
            let reply = client.peek(path).await;
            assert_eq!(reply.status, StatusCode::SERVICE_UNAVAILABLE, "{path}");
            assert!(reply.set_cookies().is_empty(), "{path}");
        }
        store.recover();
        assert_eq!(store.live().await, before);
        assert_eq!(client.peek("/get/a").await.body, "1");
    }
}

#[tokio::test]
async fn a_store_that_fails_otherwise_is_never_taken_for_empty() {
    let store = Probe::new();
    let client = at(
        &store,
        atomic(&store).on_store_error(OnStoreError::ReadOnly),
    )
    .await;
    for kind in [
        StoreErrorKind::Config,
        StoreErrorKind::Corrupt,
        StoreErrorKind::Other,
    ] {
        store.refuse("get", kind);
        let reply = client.peek("/get/a").await;
        assert_eq!(reply.status, StatusCode::INTERNAL_SERVER_ERROR);
    }
}

#[tokio::test]
async fn rolling_does_not_fail_a_page_that_does_without() {
    let store = Probe::new();
    let layer = atomic(&store)
        .rolling(true)
        .on_store_error(OnStoreError::ReadOnly);
    let client = at(&store, layer).await;
    store.refuse("all", StoreErrorKind::Unavailable);
    assert_eq!(client.peek("/idle").await.status, StatusCode::OK);
}

/// A logout has to reach the store also if the page was shown without the session.
#[tokio::test]
async fn a_logout_is_told_that_it_did_not_happen() {
    use axum::routing::get;

    let store = Probe::new();
    let control = store.clone();
    let handler = move |session: session_layer::Session| async move {
        assert!(session.is_read_only().await.unwrap());
        session.destroy();
        control.recover();
    };
    let router = crate::app::routes().route("/late", get(handler));
    let layer = atomic(&store)
        .on_store_error(OnStoreError::ReadOnly)
        .build()
        .unwrap();
    let mut client = Client::new(&router.layer(layer));
    client.get("/insert/a/1").await;
    store.refuse("all", StoreErrorKind::Unavailable);
    assert!(client.get("/late").await.clears());
    assert!(
        store.live().await.is_empty(),
        "the store is back, and the session gone"
    );
}
