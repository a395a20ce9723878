//! Tower services of any kind, and what every one of them may rely on.

use std::convert::Infallible;

use axum::body::Body;
use http::{Request, Response, StatusCode};
use session_layer::Session;
use tower::{Layer, ServiceExt, service_fn};

use crate::app::{atomic, routes};
use crate::client::Client;
use crate::probe::Probe;

#[tokio::test]
async fn any_tower_service_finds_its_session_in_the_extensions() {
    let store = Probe::new();
    let service = service_fn(|request: Request<String>| async move {
        let session = request.extensions().get::<Session>().unwrap().clone();
        session.insert("body", request.into_body()).await.unwrap();
        Ok::<_, Infallible>(Response::new(String::new()))
    });
    let service = atomic(&store).build().unwrap().layer(service);
    let response = service
        .oneshot(Request::new("hello".to_owned()))
        .await
        .unwrap();
    assert!(response.headers().contains_key("set-cookie"));
    assert_eq!(store.only().await["body"], "hello");
}

#[tokio::test]
async fn a_service_that_answers_no_response_writes_nothing() {
    let store = Probe::new();
    let service = service_fn(|request: Request<Body>| async move {
        let session = request.extensions().get::<Session>().unwrap().clone();
        session.insert("a", 1).await.unwrap();
        Err::<Response<Body>, _>("broken")
    });
    let service = atomic(&store).build().unwrap().layer(service);
    let error = service
        .oneshot(Request::new(Body::empty()))
        .await
        .unwrap_err();
    assert_eq!(error, "broken");
    assert!(store.calls().is_empty());
}

#[tokio::test]
async fn a_handler_without_the_layer_is_told() {
    let reply = Client::new(&routes()).get("/idle").await;
    assert_eq!(reply.status, StatusCode::INTERNAL_SERVER_ERROR);
}

#[test]
fn sessions_and_their_futures_are_send() {
    fn send<T: Send>(_: T) {}
    fn handle<T: Clone + Send + Sync + 'static>() {}
    handle::<Session>();
    handle::<session_layer::SessionLayer>();
    let _ = |session: Session| {
        send(session.get::<String>("a"));
        send(session.insert("a", 1));
        send(session.save());
    };
}
