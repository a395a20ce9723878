//! koa-session, the smaller files: the external key, a store that is given the request, the defaults.

use std::sync::{Arc, Mutex};

use axum::routing::get;
use http::request::Parts;
use http::{HeaderMap, HeaderValue};
use serde_json::json;
use session_layer::{
    BoxError, ExternalKey, Keys, Profile, Session, SessionKey, SessionLayer, async_trait,
};

use super::{KOA, client, keygrip, with_session};
use crate::app::routes;
use crate::client::Client;
use crate::probe::Probe;

/// The id in a header.
pub(crate) struct InHeader;

#[async_trait]
impl ExternalKey for InHeader {
    async fn get(&self, request: &Parts) -> Result<Option<String>, BoxError> {
        tokio::task::yield_now().await; // it may take its time
        let id = request.headers.get("x-session").map(HeaderValue::to_str);
        Ok(id.transpose()?.map(str::to_owned))
    }

    async fn set(&self, key: &SessionKey, response: &mut HeaderMap) -> Result<(), BoxError> {
        response.insert("x-session", HeaderValue::from_str(key.as_str())?);
        Ok(())
    }

    async fn clear(&self, response: &mut HeaderMap) -> Result<(), BoxError> {
        response.insert("x-session", HeaderValue::from_static("-"));
        Ok(())
    }
}

/// `test/externalkey.test.ts`; that all three functions are there is the compiler's business.
#[tokio::test]
async fn external_key_t02_a_header_carries_the_id() {
    let store = Probe::new();
    let layer = SessionLayer::new(store.clone(), Keys::none()).external_key(InHeader);
    let both = |session: Session| async move {
        session.insert("a", "1").await.unwrap();
        let early = session.external_key().await.unwrap().unwrap();
        session.save().await.unwrap();
        assert_eq!(session.external_key().await.unwrap(), Some(early.clone()));
        early.as_str().to_owned()
    };
    let router = routes()
        .route("/both", get(both))
        .layer(layer.build().unwrap());
    let mut client = Client::new(&router);
    let reply = client.get("/both").await;
    assert!(reply.set_cookies().is_empty());
    let id = reply.headers["x-session"].to_str().unwrap().to_owned();
    assert_eq!(id, reply.body);
    let header = [("x-session", id.as_str())];
    assert_eq!(client.with("/get/a", &header).await.body, "1");
    assert_eq!(client.with("/key", &header).await.body, id);
}

#[tokio::test]
async fn the_external_key_is_told_of_a_move_and_of_the_end() {
    let store = Probe::new();
    let layer = SessionLayer::atomic(store.clone(), Keys::none()).external_key(InHeader);
    let mut client = client(layer);
    let id = client.get("/insert/a/1").await.headers["x-session"].clone();
    let header = [("x-session", id.to_str().unwrap())];
    let moved = client.with("/regenerate", &header).await.headers["x-session"].clone();
    assert_ne!(moved, id);
    assert_eq!(client.with("/is_new", &header).await.body, "true");
    let header = [("x-session", moved.to_str().unwrap())];
    let reply = client.with("/destroy", &header).await;
    assert_eq!(reply.headers["x-session"], "-");
    assert!(
        reply.set_cookies().is_empty(),
        "no cookie has to do with it"
    );
    assert!(store.live().await.is_empty());
}

#[tokio::test]
async fn a_hostile_external_key_never_reaches_the_store() {
    let store = Probe::new();
    let layer = SessionLayer::atomic(store.clone(), Keys::none()).external_key(InHeader);
    let mut client = client(layer);
    for id in ["x", "", "../../etc/passwd", "' OR 1=1", &"a".repeat(5000)] {
        assert_eq!(
            client.with("/is_new", &[("x-session", id)]).await.body,
            "true"
        );
        assert!(store.calls().is_empty());
    }
}

/// `test/store_with_ctx.test.ts`: what the store is given of the request, it can leave a trace in.
#[tokio::test]
async fn store_with_ctx_each_method_knows_the_request() {
    type Trace = Arc<Mutex<Vec<String>>>;

    let trace = Trace::default();
    let (store, open) = (Probe::new(), trace.clone());
    let probe = store.clone();
    let layer = SessionLayer::per_request(
        move |request: Arc<Parts>| {
            open.lock().unwrap().push(request.uri.path().to_owned());
            let store = store.clone();
            async move { Ok::<_, BoxError>(store) }
        },
        keygrip(),
    );
    let mut client = client(layer.profile(Profile::Koa));
    client.get("/idle").await;
    assert!(trace.lock().unwrap().is_empty(), "not used, not opened");
    for (path, calls) in [
        ("/insert/a/1", &["set"][..]),
        ("/get/a", &["get"]),
        ("/destroy", &["destroy"]),
    ] {
        client.get(path).await;
        assert_eq!(*trace.lock().unwrap(), [path], "opened once");
        assert_eq!(probe.calls(), calls);
        trace.lock().unwrap().clear();
    }
}

/// `test/index.test.ts`: the defaults, as far as a response shows them.
#[tokio::test]
async fn index_the_defaults() {
    let client = with_session(SessionLayer::cookie(keygrip()).profile(Profile::Koa)).await;
    let content = super::content(&client, KOA);
    assert_eq!(content["message"], json!("hello"));
    assert_eq!(content["_maxAge"], 86_400_000);
    assert_eq!(client.peek("/life").await.body, "After(86400s)");
    assert!(client.peek("/idle").await.set_cookies().is_empty());
}
