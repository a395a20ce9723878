//! A store that fails, and records that are none.

use std::time::Duration;

use axum::Router;
use axum::response::AppendHeaders;
use axum::routing::get;
use http::StatusCode;
use http::header::SET_COOKIE;
use session_layer::{ErrorKind, Session};
use session_store_api::ErrorKind as StoreErrorKind;

use crate::app::{app, atomic, client, plain, routes};
use crate::client::Client;
use crate::probe::Probe;
use crate::random::Random;

const UNAVAILABLE: StatusCode = StatusCode::SERVICE_UNAVAILABLE;

#[tokio::test]
async fn a_store_that_is_down_is_503_and_every_session_is_intact_afterwards() {
    for build in [atomic, plain] {
        let store = Probe::new();
        let mut client = Client::new(&app(build(&store).renew(true)));
        client.get("/insert/a/1").await;
        let (cookie, before) = (client.cookie().to_owned(), store.live().await);
        for kind in [StoreErrorKind::Unavailable, StoreErrorKind::Timeout] {
            store.refuse("all", kind);
            for path in [
                "/get/a",
                "/insert/a/2",
                "/clear",
                "/destroy",
                "/regenerate",
                "/login/Ada",
                "/save",
                "/max_age/1000",
                "/anew/Ada",
                "/idle",
            ] {
                let reply = client.get(path).await;
                assert_eq!(reply.status, UNAVAILABLE, "{path}");
                assert!(reply.set_cookies().is_empty(), "{path}");
                assert!(!reply.body.contains("probe"), "{path}");
            }
        }
        store.recover();
        assert_eq!(store.live().await, before);
        assert_eq!(client.cookie(), cookie);
        assert_eq!(client.get("/get/a").await.body, "1");
    }
}

#[tokio::test]
async fn a_failed_write_is_the_response_and_nothing_of_the_handlers_goes_out() {
    let store = Probe::new();
    let handler = |session: Session| async move {
        session.insert("a", 2).await.unwrap();
        (AppendHeaders([(SET_COOKIE, "EGG_SESS=forged")]), "done")
    };
    let router = routes().route("/write", get(handler));
    for (build, method) in [(atomic as fn(&Probe) -> _, "set_if"), (plain, "set")] {
        let mut client = Client::new(&router.clone().layer(build(&store).build().unwrap()));
        client.get("/insert/a/1").await;
        for (kind, status) in [
            (StoreErrorKind::Unavailable, UNAVAILABLE),
            (StoreErrorKind::Timeout, UNAVAILABLE),
            (StoreErrorKind::TooLarge, StatusCode::INTERNAL_SERVER_ERROR),
            (StoreErrorKind::Corrupt, StatusCode::INTERNAL_SERVER_ERROR),
        ] {
            store.refuse(method, kind);
            let reply = client.get("/write").await;
            assert_eq!((reply.status, reply.body.as_str()), (status, ""));
            assert!(reply.set_cookies().is_empty());
        }
        store.recover();
        assert_eq!(client.get("/get/a").await.body, "1");
    }
}

#[tokio::test]
async fn a_handler_that_goes_on_without_its_session_overwrites_nothing() {
    let store = Probe::new();
    let stubborn = |session: Session| async move {
        let error = session.get::<String>("a").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        assert!(session.insert("a", "fresh").await.is_err());
        assert!(session.clear().await.is_err());
        assert!(session.is_new().await.is_err());
        "a page without a session"
    };
    let router = routes().route("/stubborn", get(stubborn));
    let mut client = Client::new(&router.layer(atomic(&store).build().unwrap()));
    client.get("/insert/a/1").await;
    store.refuse("get", StoreErrorKind::Unavailable); // writing would work
    store.calls();
    let reply = client.get("/stubborn").await;
    assert_eq!(reply.body, "a page without a session");
    assert!(reply.set_cookies().is_empty());
    assert!(store.calls().iter().all(|call| *call == "get"));
    store.recover();
    assert_eq!(client.get("/get/a").await.body, "1");
}

#[tokio::test]
async fn the_store_may_come_back_within_a_request() {
    let store = Probe::new();
    let control = store.clone();
    let patient = move |session: Session| async move {
        assert!(session.get::<String>("a").await.is_err());
        control.recover();
        session.get::<String>("a").await.unwrap().unwrap()
    };
    let router = routes().route("/patient", get(patient));
    let mut client = Client::new(&router.layer(atomic(&store).build().unwrap()));
    client.get("/insert/a/1").await;
    store.refuse("get", StoreErrorKind::Timeout);
    assert_eq!(client.get("/patient").await.body, "1");
}

#[tokio::test]
async fn a_move_that_fails_half_way_leaves_the_old_session() {
    for (build, method) in [(atomic as fn(&Probe) -> _, "set_if"), (plain, "destroy")] {
        let store = Probe::new();
        let mut client = Client::new(&app(build(&store)));
        client.get("/insert/a/1").await;
        let spared = usize::from(method == "set_if");
        store.refuse_after(spared, method, StoreErrorKind::Unavailable);
        let reply = client.get("/login/Ada").await;
        assert_eq!((reply.status, reply.set_cookies().len()), (UNAVAILABLE, 0));
        assert_eq!(
            store.live().await.len(),
            2,
            "the new one is there, but nobody knows it"
        );
        store.recover();
        assert_eq!(client.get("/get/a").await.body, "1");
        assert_eq!(client.get("/get/user").await.body, "-");
    }
}

#[tokio::test]
async fn what_a_failed_save_was_to_do_is_done_at_the_end() {
    let store = Probe::new();
    let control = store.clone();
    let half = move |session: Session| async move {
        session.insert("user", "Ada").await.unwrap();
        session.regenerate();
        control.refuse("set_if", StoreErrorKind::Unavailable);
        assert!(session.save().await.is_err());
        control.recover();
    };
    let router = routes().route("/half", get(half));
    let mut client = Client::new(&router.layer(atomic(&store).build().unwrap()));
    client.get("/insert/a/1").await;
    let old = client.id();
    assert_eq!(client.get("/half").await.status, StatusCode::OK);
    assert_ne!(client.id(), old);
    assert_eq!(client.get("/get/user").await.body, "Ada");
    assert_eq!(store.only().await["a"], "1");
}

#[tokio::test]
async fn a_destroy_that_fails_is_told_and_done_by_the_next() {
    let store = Probe::new();
    let mut client = client(&store);
    client.get("/insert/a/1").await;
    store.refuse("destroy", StoreErrorKind::Unavailable);
    for path in ["/destroy", "/anew/Ada"] {
        let reply = client.get(path).await;
        assert_eq!(reply.status, UNAVAILABLE);
        assert!(reply.set_cookies().is_empty());
    }
    assert_eq!(store.only().await["a"], "1");
    store.recover();
    assert!(client.get("/destroy").await.clears());
    assert!(store.live().await.is_empty());
}

#[tokio::test]
async fn a_record_that_is_none_of_ours_is_a_new_session_and_stays() {
    let store = Probe::new();
    let mut client = client(&store);
    client.get("/insert/a/1").await;
    let deep = format!(r#"{{"a":{}{}}}"#, "[".repeat(50_000), "]".repeat(50_000));
    let mut random = Random::new();
    let noise = (0..200).map(|_| {
        let len = random.below(64);
        (0..len).map(|_| random.byte()).collect::<Vec<u8>>()
    });
    let given = ["", "null", "[]", "7", "\"a\"", "{", "{}{}", deep.as_str()];
    for record in given
        .map(|text| text.as_bytes().to_vec())
        .into_iter()
        .chain(noise)
    {
        store
            .put(&client.id(), &record, Duration::from_secs(60))
            .await;
        assert_eq!(client.peek("/is_new").await.body, "true");
        let mut visitor = client.clone();
        visitor.get("/insert/b/2").await;
        assert_ne!(visitor.id(), client.id());
        let live = store.live().await;
        assert!(live.contains(&(client.id(), record)), "left as it was");
        store.wipe(&visitor.id()).await;
    }
}

#[tokio::test]
async fn a_record_that_becomes_none_of_ours_is_not_written_over() {
    let store = Probe::new();
    let control = store.clone();
    let handler = move |session: Session| async move {
        session.insert("a", 2).await.unwrap();
        let (key, _) = control.live().await.remove(0);
        control.put(&key, b"[]", Duration::from_secs(60)).await;
    };
    let router = Router::new()
        .route(
            "/begin",
            get(|session: Session| async move { session.insert("a", 1).await }),
        )
        .route("/", get(handler));
    let mut client = Client::new(&router.layer(atomic(&store).build().unwrap()));
    client.get("/begin").await;
    assert!(client.get("/").await.set_cookies().is_empty());
    assert_eq!(store.live().await[0].1, b"[]");
}
