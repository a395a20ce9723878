//! A store of three methods: written as koa writes.

use std::sync::Arc;

use axum::routing::get;
use session_layer::{Session, SessionLayer};
use session_store_api::{AtomicSessionStore, SessionStore};

use crate::app::{app, keys, plain, routes};
use crate::client::Client;
use crate::gate::Gate;
use crate::probe::Probe;

#[tokio::test]
async fn the_same_life_with_set_in_place_of_set_if() {
    let store = Probe::new();
    let mut client = Client::new(&app(plain(&store)));
    assert_eq!(client.get("/count").await.body, "1");
    assert_eq!(store.calls(), ["set"]);
    assert_eq!(client.get("/count").await.body, "2");
    assert_eq!(store.calls(), ["get", "set"]);
    let (old, thief) = (client.id(), client.clone());
    client.get("/login/Ada").await;
    assert_eq!(
        store.calls(),
        ["get", "set", "destroy"],
        "the new one first"
    );
    assert_ne!(client.id(), old);
    assert_eq!(thief.peek("/get/user").await.body, "-");
    assert_eq!(client.get("/get/user").await.body, "Ada");
    assert!(client.get("/destroy").await.clears());
    assert!(store.live().await.is_empty());
}

#[tokio::test]
async fn the_last_write_wins_whole() {
    let (store, gate) = (Probe::new(), Gate::new());
    let waits = gate.clone();
    let slow = move |session: Session| async move {
        session.insert("slow", 1).await.unwrap();
        waits.pass().await;
    };
    let router = routes().route("/slow", get(slow));
    let mut client = Client::new(&router.layer(plain(&store).build().unwrap()));
    client.get("/insert/a/1").await;
    let fast = client.clone();
    tokio::join!(client.get("/slow"), async {
        gate.reached().await;
        fast.peek("/insert/fast/1").await;
        gate.open();
    });
    let record = store.only().await;
    assert_eq!((&record["slow"], record.get("fast")), (&1.into(), None));
}

#[tokio::test]
async fn every_pointer_to_a_store_is_taken() {
    let store: Arc<dyn AtomicSessionStore> = Arc::new(Probe::new());
    let plain: Arc<dyn SessionStore> = store.clone();
    let layers = [
        SessionLayer::atomic(store.clone(), keys()),
        SessionLayer::new(store, keys()),
        SessionLayer::new(plain.clone(), keys()),
        SessionLayer::new(Box::new(plain) as Box<dyn SessionStore>, keys()),
    ];
    let mut client = Client::new(&app(layers[0].clone()));
    client.get("/insert/a/1").await;
    for layer in layers {
        assert_eq!(client.at(&app(layer)).get("/get/a").await.body, "1");
    }
}
