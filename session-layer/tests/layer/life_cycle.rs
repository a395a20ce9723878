//! When a session is read, written, renewed, moved and ended, and what each costs.

use std::time::Duration;

use axum::Router;
use axum::routing::get;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::json;
use session_layer::{ErrorKind, MaxAge, Session};

use crate::app::{app, atomic, client, routes};
use crate::client::Client;
use crate::gate::Gate;
use crate::probe::Probe;

const MINUTE: Duration = Duration::from_secs(60);

/// What the record says is left of its life, changed to `left` by another process.
async fn age(store: &Probe, client: &Client, left: Duration) {
    let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap();
    let mut record = store.only().await;
    record["_expire"] = u64::try_from((now + left).as_millis()).unwrap().into();
    store.put(&client.id(), record.to_string(), MINUTE).await;
}

#[tokio::test]
async fn a_request_that_does_not_use_its_session_costs_nothing() {
    let store = Probe::new();
    let mut client = client(&store);
    assert!(client.get("/idle").await.set_cookies().is_empty());
    client.get("/count").await;
    store.calls();
    assert!(client.get("/idle").await.set_cookies().is_empty());
    assert!(store.calls().is_empty());
}

#[tokio::test]
async fn each_step_costs_the_round_trips_it_needs() {
    let store = Probe::new();
    let mut client = client(&store);
    assert_eq!(client.get("/get/count").await.body, "-");
    assert_eq!(client.get("/is_new").await.body, "true");
    assert!(store.calls().is_empty(), "nothing to read without a cookie");

    assert_eq!(client.get("/count").await.body, "1");
    assert_eq!(store.calls(), ["set_if"]);
    assert_eq!(client.get("/count").await.body, "2");
    assert_eq!(store.calls(), ["get", "set_if"]);
    let read = client.get("/len").await;
    assert_eq!((read.body.as_str(), read.set_cookies().len()), ("1", 0));
    assert_eq!(store.calls(), ["get"]);
    assert_eq!(client.get("/is_new").await.body, "false");
    store.calls();
    client.get("/regenerate").await;
    assert_eq!(store.calls(), ["get", "set_if", "set_if"]);
    client.get("/destroy").await;
    assert_eq!(
        store.calls(),
        ["destroy"],
        "ending a session needs no look at it"
    );
}

#[tokio::test]
async fn what_ends_as_it_began_is_not_written() {
    let store = Probe::new();
    let mut client = client(&store);
    client.get("/insert/a/1").await;
    store.calls();
    assert!(client.get("/insert/a/1").await.set_cookies().is_empty());
    assert!(client.get("/remove/none").await.set_cookies().is_empty());
    assert_eq!(store.calls(), ["get", "get"]);

    let there_and_back = |session: Session| async move {
        session.insert("b", 1).await.unwrap();
        session.insert("a", "other").await.unwrap();
        assert!(session.remove("b").await.unwrap());
        session.insert("a", "1").await.unwrap();
    };
    let router = routes().route("/back", get(there_and_back));
    let cookie = client.cookie().to_owned();
    let mut client = Client::new(&router.layer(atomic(&store).build().unwrap()));
    client.set_cookie(cookie);
    assert!(client.get("/back").await.set_cookies().is_empty());
    assert_eq!(store.calls(), ["get"]);
}

#[tokio::test]
async fn an_empty_new_session_is_written_only_if_saved() {
    let store = Probe::new();
    let mut client = client(&store);
    for path in ["/clear", "/remove/a", "/regenerate"] {
        assert!(client.get(path).await.set_cookies().is_empty(), "{path}");
    }
    assert!(store.calls().is_empty());
    assert_eq!(client.get("/save").await.set_cookies().len(), 1);
    assert_eq!(store.calls(), ["set_if"]);
    assert_eq!(client.get("/is_new").await.body, "false");
}

#[tokio::test]
async fn values_of_every_kind_come_back() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Cart {
        items: Vec<(String, u32)>,
        note: Option<String>,
        total: f64,
    }
    let cart = || Cart {
        items: vec![("żółw 🐢\0\"".to_owned(), u32::MAX)],
        note: None,
        total: 0.1 + 0.2,
    };
    let put = move |session: Session| async move {
        session.insert("cart", &cart()).await.unwrap();
        session.insert("", i64::MIN).await.unwrap();
        session.insert("__proto__", u64::MAX).await.unwrap();
        assert_eq!(session.get("cart").await.unwrap(), Some(cart()));
    };
    let check = move |session: Session| async move {
        assert_eq!(session.get("cart").await.unwrap(), Some(cart()));
        assert_eq!(session.get("").await.unwrap(), Some(i64::MIN));
        assert_eq!(session.get("__proto__").await.unwrap(), Some(u64::MAX));
        assert_eq!(session.get::<u32>("none").await.unwrap(), None);
        let error = session.get::<u8>("cart").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Value);
        assert_eq!(error.to_string(), "the value is no `u8`");
    };
    let router = Router::new()
        .route("/put", get(put))
        .route("/check", get(check))
        .layer(atomic(&Probe::new()).build().unwrap());
    let mut client = Client::new(&router);
    assert_eq!(client.get("/put").await.status, StatusCode::OK);
    assert_eq!(client.get("/check").await.status, StatusCode::OK);
}

#[tokio::test]
async fn what_a_record_cannot_hold_is_refused_and_changes_nothing() {
    let refused = |session: Session| async move {
        for name in ["_expire", "_maxAge", "_session"] {
            let error = session.insert(name, 1).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::ReservedName);
        }
        let deep = (0..121).fold(json!(0), |value, _| json!([value]));
        let error = session.insert("deep", deep).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Value);
        let keyed = std::collections::HashMap::from([((1, 2), 3)]);
        let error = session.insert("keyed", keyed).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Value);
        assert!(session.is_empty().await.unwrap());
    };
    let store = Probe::new();
    let router = Router::new().route("/", get(refused));
    let mut client = Client::new(&router.layer(atomic(&store).build().unwrap()));
    assert_eq!(client.get("/").await.status, StatusCode::OK);
    assert!(store.calls().is_empty());
}

#[tokio::test]
async fn values_can_be_removed_one_by_one_and_all_at_once() {
    let store = Probe::new();
    let mut client = client(&store);
    for path in ["/insert/a/1", "/insert/b/2", "/insert/c/3"] {
        client.get(path).await;
    }
    assert_eq!(client.get("/remove/b").await.body, "true");
    assert_eq!(client.get("/remove/b").await.body, "false");
    assert_eq!(client.get("/len").await.body, "2");
    assert_eq!(client.get("/clear").await.set_cookies().len(), 1);
    assert_eq!(client.get("/len").await.body, "0");
    assert_eq!(
        client.get("/is_new").await.body,
        "false",
        "empty, but alive"
    );
}

#[tokio::test]
async fn the_record_is_koas_and_koas_record_is_read() {
    let store = Probe::new();
    let mut client = client(&store);
    client.get("/insert/name/Ada").await;
    let record = store.only().await;
    assert_eq!(record["name"], "Ada");
    assert_eq!(record["_maxAge"], 86_400_000);
    assert!(record["_expire"].as_u64() > Some(1_700_000_000_000));

    let koas = format!(
        r#"{{"z":1,"name":"Bob","_expire":{},"_maxAge":60000}}"#,
        1_u64 << 50
    );
    store.put(&client.id(), koas, MINUTE).await;
    assert_eq!(client.get("/get/name").await.body, "Bob");
    client.get("/insert/more/x").await;
    let record = store.only().await;
    assert_eq!(
        (&record["z"], &record["_maxAge"]),
        (&json!(1), &json!(60_000))
    );
}

#[tokio::test]
async fn destroy_ends_the_session_and_its_cookie() {
    let store = Probe::new();
    let mut client = client(&store);
    client.get("/insert/a/1").await;
    let thief = client.clone();
    let reply = client.get("/destroy").await;
    assert!(reply.clears(), "{:?}", reply.set_cookies());
    assert!(store.live().await.is_empty());
    assert_eq!(thief.peek("/get/a").await.body, "-");
    assert!(thief.peek("/idle").await.set_cookies().is_empty());
}

#[tokio::test]
async fn after_destroy_the_session_is_empty_and_a_new_one_may_begin() {
    let store = Probe::new();
    let mut client = client(&store);
    client.get("/insert/a/1").await;
    let old = client.id();
    let reply = client.get("/anew/Ada").await;
    assert_eq!(reply.set_cookies().len(), 1);
    assert_ne!(client.id(), old);
    assert_eq!(client.get("/get/a").await.body, "-");
    assert_eq!(client.get("/get/user").await.body, "Ada");
    assert_eq!(store.live().await.len(), 1);
}

#[tokio::test]
async fn destroy_ends_what_was_saved_in_the_same_request() {
    let store = Probe::new();
    let both = |session: Session| async move {
        session.insert("a", 1).await.unwrap();
        session.save().await.unwrap();
        session.destroy();
        assert!(session.is_new().await.unwrap() && session.is_empty().await.unwrap());
    };
    let router = Router::new().route("/", get(both));
    let mut client = Client::new(&router.layer(atomic(&store).build().unwrap()));
    assert!(client.get("/").await.set_cookies().is_empty());
    assert!(store.live().await.is_empty());
}

/// Another site's form comes without the cookie, and browsers take what it is answered all the same.
#[tokio::test]
async fn destroy_clears_no_cookie_that_did_not_come() {
    let store = Probe::new();
    let mut client = client(&store);
    client.get("/insert/a/1").await;
    let stranger = Client::new(&app(atomic(&store)));
    assert!(stranger.peek("/destroy").await.set_cookies().is_empty());
    assert_eq!(client.get("/get/a").await.body, "1");
}

#[tokio::test]
async fn destroy_ends_a_session_that_is_just_being_read() {
    let store = Probe::new();
    let handler = |session: Session| async move {
        let (read, ()) = tokio::join!(session.len(), async { session.destroy() });
        assert_eq!(read.unwrap(), 0);
        assert!(session.is_new().await.unwrap());
    };
    let router = routes().route("/end", get(handler));
    let mut client = Client::new(&router.layer(atomic(&store).build().unwrap()));
    client.get("/insert/a/1").await;
    assert!(client.get("/end").await.clears());
    assert!(store.live().await.is_empty());
}

#[tokio::test]
async fn regenerate_moves_the_values_to_a_new_id() {
    let store = Probe::new();
    let mut client = client(&store);
    client.get("/insert/cart/full").await;
    let (old, thief) = (client.id(), client.clone());
    assert_eq!(client.get("/login/Ada").await.set_cookies().len(), 1);
    assert_ne!(client.id(), old);
    assert_eq!(client.get("/get/cart").await.body, "full");
    assert_eq!(client.get("/get/user").await.body, "Ada");
    assert_eq!(thief.peek("/get/user").await.body, "-");
    assert_eq!(store.live().await.len(), 1);
}

#[tokio::test]
async fn an_expired_session_is_a_new_one_under_a_new_id() {
    let store = Probe::new();
    let mut client = client(&store);
    client.get("/insert/a/1").await;
    age(&store, &client, Duration::ZERO).await;
    tokio::time::sleep(Duration::from_millis(5)).await;
    let old = client.id();
    assert_eq!(client.get("/is_new").await.body, "true");
    client.get("/insert/b/2").await;
    assert_ne!(client.id(), old);
    assert_eq!(client.get("/get/a").await.body, "-");
}

#[tokio::test]
async fn a_session_of_its_own_life_keeps_it() {
    let store = Probe::new();
    let mut client = client(&store);
    client.get("/insert/a/1").await;
    let reply = client.get("/max_age/90000").await;
    assert!(
        reply.set_cookies()[0].contains("; Max-Age=90;"),
        "{:?}",
        reply.set_cookies()
    );
    assert_eq!(store.only().await["_maxAge"], 90_000);
    let reply = client.get("/insert/b/2").await;
    assert!(reply.set_cookies()[0].contains("; Max-Age=90;"));
    let left: u64 = client.get("/expires_in").await.body.parse().unwrap();
    assert!((1..=90_000).contains(&left), "{left}");
}

#[tokio::test]
async fn a_session_may_live_as_long_as_the_browser() {
    let store = Probe::new();
    let mut client = Client::new(&app(atomic(&store).max_age(MaxAge::Session).renew(true)));
    let reply = client.get("/insert/a/1").await;
    assert!(!reply.set_cookies()[0].contains("Max-Age"));
    assert_eq!(store.only().await, json!({"a": "1", "_session": true}));
    assert_eq!(client.get("/expires_in").await.body, "-");
    assert!(client.get("/get/a").await.set_cookies().is_empty());
}

#[tokio::test]
async fn rolling_renews_with_every_request_that_brings_a_session() {
    let store = Probe::new();
    let mut client = Client::new(&app(atomic(&store).rolling(true)));
    assert!(client.get("/idle").await.set_cookies().is_empty());
    assert!(client.get("/is_new").await.set_cookies().is_empty());
    assert!(store.calls().is_empty());
    client.get("/insert/a/1").await;
    store.calls();
    for path in ["/idle", "/get/a", "/none"] {
        age(&store, &client, MINUTE).await;
        let reply = client.get(path).await;
        assert!(
            reply.set_cookies()[0].contains("; Max-Age=86400;"),
            "{path}"
        );
        assert_eq!(store.calls(), ["get", "set_if"], "{path}");
        let left: u64 = client.peek("/expires_in").await.body.parse().unwrap();
        assert!(left > 80_000_000, "{path}: {left}");
        store.calls();
    }
}

#[tokio::test]
async fn a_session_that_lives_with_the_browser_is_renewed_in_the_store() {
    let store = Probe::new();
    let layer = atomic(&store).max_age(MaxAge::Session).rolling(true);
    let mut client = Client::new(&app(layer));
    client.get("/insert/a/1").await;
    store.calls();
    assert_eq!(client.get("/idle").await.set_cookies().len(), 1);
    assert_eq!(store.calls(), ["get", "set_if"]);
    client.get("/insert/a/2").await;
    assert_eq!(store.calls(), ["get", "set_if"]);
}

#[tokio::test]
async fn the_id_is_known_before_it_is_written_and_after_it_moved() {
    let store = Probe::new();
    let handler = |session: Session| async move {
        let key = async || session.external_key().await.unwrap().unwrap();
        let old = key().await;
        session.insert("a", 1).await.unwrap();
        assert_eq!(key().await, old);
        session.regenerate();
        let new = key().await;
        assert_eq!(key().await, new);
        session.save().await.unwrap();
        assert_eq!(key().await, new);
        session.regenerate();
        let newest = key().await;
        assert_ne!(newest, new);
        newest.as_str().to_owned()
    };
    let router = routes().route("/keys", get(handler));
    let mut client = Client::new(&router.layer(atomic(&store).build().unwrap()));
    for _ in 0..2 {
        let reply = client.get("/keys").await;
        assert_eq!(client.id().as_str(), reply.body);
        assert_eq!(client.get("/key").await.body, reply.body);
        assert_eq!(store.live().await.len(), 1);
    }
}

#[tokio::test]
async fn commit_writes_what_has_changed_and_nothing_else() {
    let store = Probe::new();
    let handler = |session: Session| async move {
        session.commit().await.unwrap();
        session.insert("a", 1).await.unwrap();
        session.commit().await.unwrap();
        session.commit().await.unwrap();
    };
    let router = Router::new().route("/", get(handler));
    let mut client = Client::new(&router.layer(atomic(&store).build().unwrap()));
    assert_eq!(client.get("/").await.set_cookies().len(), 1);
    assert_eq!(store.calls(), ["set_if"]);
    assert!(client.get("/").await.set_cookies().is_empty());
    assert_eq!(store.calls(), ["get"]);
}

#[tokio::test]
async fn a_session_is_replaced_whole() {
    let store = Probe::new();
    let mut client = client(&store);
    client.get("/insert/a/1").await;
    client.get("/replace/%7B%22b%22:%222%22%7D").await;
    assert_eq!(client.get("/values").await.body, r#"{"b":"2"}"#);
    client.get("/replace/%7B%7D").await;
    assert_eq!(client.get("/values").await.body, "{}");
    assert_eq!(client.get("/is_new").await.body, "false");
}

#[tokio::test]
async fn a_hook_whose_store_is_down_is_503() {
    use session_store_api::Error as StoreError;

    let down = || StoreError::new(session_store_api::ErrorKind::Timeout, "hook", "down");
    let store = Probe::new();
    let layer = atomic(&store).before_save(move |_, _| async move { Err(down().into()) });
    let reply = Client::new(&app(layer)).get("/insert/a/1").await;
    assert_eq!(reply.status, StatusCode::SERVICE_UNAVAILABLE);
    let layer = atomic(&store).before_save(|_, _| async { Err("no".into()) });
    let reply = Client::new(&app(layer)).get("/insert/a/1").await;
    assert_eq!(reply.status, StatusCode::INTERNAL_SERVER_ERROR);
    let layer = atomic(&store).before_save(|_, mut values| async {
        values.insert("_expire".to_owned(), 1.into());
        Ok(values)
    });
    let reply = Client::new(&app(layer)).get("/insert/a/1").await;
    assert_eq!(reply.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert!(store.calls().is_empty());
}

#[tokio::test]
async fn renew_renews_in_the_second_half_of_the_life() {
    let store = Probe::new();
    let mut client = Client::new(&app(atomic(&store).renew(true)));
    client.get("/insert/a/1").await;
    let half = Duration::from_secs(12 * 60 * 60);
    for path in ["/idle", "/get/a"] {
        age(&store, &client, half + MINUTE).await;
        assert!(client.get(path).await.set_cookies().is_empty(), "{path}");
        age(&store, &client, half - MINUTE).await;
        assert_eq!(client.get(path).await.set_cookies().len(), 1, "{path}");
        assert!(client.get(path).await.set_cookies().is_empty(), "{path}");
    }
}

#[tokio::test]
async fn a_session_is_written_whatever_the_status() {
    let store = Probe::new();
    let mut client = client(&store);
    let reply = client.get("/fail/a/1").await;
    assert_eq!(reply.status, StatusCode::IM_A_TEAPOT);
    assert_eq!(client.get("/get/a").await.body, "1");
}

#[tokio::test]
async fn save_writes_before_the_response_and_only_once() {
    let store = Probe::new();
    let seen = store.clone();
    let handler = move |session: Session| async move {
        session.insert("a", 1).await.unwrap();
        session.save().await.unwrap();
        assert_eq!(seen.only().await["a"], 1);
    };
    let router = Router::new().route("/", get(handler));
    let mut client = Client::new(&router.layer(atomic(&store).build().unwrap()));
    assert_eq!(client.get("/").await.set_cookies().len(), 1);
    assert_eq!(store.calls(), ["set_if"]);
}

#[tokio::test]
async fn what_happens_during_a_save_is_not_lost() {
    let store = Probe::new();
    let insert = |session: Session| async move {
        session.insert("b", 2).await.unwrap();
        let (saved, inserted) = tokio::join!(session.save(), session.insert("c", 3));
        saved.and(inserted).unwrap();
    };
    let regenerate = |session: Session| async move {
        assert_eq!(session.len().await.unwrap(), 3);
        let (saved, ()) = tokio::join!(session.save(), async { session.regenerate() });
        saved.unwrap();
    };
    let destroy = |session: Session| async move {
        session.insert("d", 4).await.unwrap();
        session.regenerate();
        let (saved, ()) = tokio::join!(session.save(), async { session.destroy() });
        saved.unwrap();
    };
    let router = routes()
        .route("/insert", get(insert))
        .route("/move", get(regenerate))
        .route("/end", get(destroy));
    let mut client = Client::new(&router.layer(atomic(&store).build().unwrap()));
    client.get("/insert/a/1").await;
    client.get("/insert").await;
    assert_eq!(client.get("/len").await.body, "3");
    let old = client.id();
    client.get("/move").await;
    assert_ne!(client.id(), old);
    assert_eq!(client.get("/len").await.body, "3");
    assert!(client.get("/end").await.clears());
    assert!(store.live().await.is_empty());
}

#[tokio::test]
async fn a_handler_that_runs_on_may_save() {
    let (store, gate) = (Probe::new(), Gate::new());
    let waits = gate.clone();
    let handler = move |session: Session| async move {
        session.insert("a", 1).await.unwrap();
        let task = async move {
            waits.pass().await;
            session.insert("b", 2).await.unwrap();
            session.save().await.unwrap();
            waits.pass().await;
        };
        drop(tokio::spawn(task));
    };
    let router = Router::new().route("/", get(handler));
    let mut client = Client::new(&router.layer(atomic(&store).build().unwrap()));
    client.get("/").await;
    gate.reached().await;
    assert_eq!(store.only().await.get("b"), None);
    gate.open();
    gate.reached().await;
    assert_eq!(store.only().await["b"], 2);
}

#[tokio::test]
async fn a_request_that_is_dropped_writes_nothing() {
    let (store, gate) = (Probe::new(), Gate::new());
    let waits = gate.clone();
    let handler = move |session: Session| async move {
        session.insert("a", "changed").await.unwrap();
        session.regenerate();
        waits.pass().await;
    };
    let router = routes().route("/slow", get(handler));
    let mut client = Client::new(&router.layer(atomic(&store).build().unwrap()));
    client.get("/insert/a/1").await;
    store.calls();
    tokio::select! {
        _ = client.peek("/slow") => panic!("the gate is closed"),
        () = gate.reached() => {}
    }
    assert_eq!(store.calls(), ["get"]);
    assert_eq!(client.get("/get/a").await.body, "1");
}

#[tokio::test]
async fn tasks_of_one_request_share_one_session() {
    let store = Probe::new();
    let handler = |session: Session| async move {
        let tasks = (0..32).map(|i| {
            let session = session.clone();
            async move { session.insert(&i.to_string(), i).await.unwrap() }
        });
        let mut set = tokio::task::JoinSet::new();
        for task in tasks {
            set.spawn(task);
        }
        set.join_all().await;
    };
    let router = routes().route("/fan", get(handler));
    let mut client = Client::new(&router.layer(atomic(&store).build().unwrap()));
    client.get("/insert/a/1").await;
    store.calls();
    client.get("/fan").await;
    assert_eq!(store.calls(), ["get", "set_if"], "read once, written once");
    assert_eq!(client.get("/len").await.body, "33");
}
