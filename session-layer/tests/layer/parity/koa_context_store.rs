//! koa-session, `test/contextstore.test.ts`: a store and an id made from the request.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use http::StatusCode;
use http::request::Parts;
use serde_json::json;
use session_layer::{BoxError, MaxAge, Profile, Session, SessionLayer, SessionLayerBuilder};

use super::{KOA, client, is_silent, keygrip, outlive, with_session};
use crate::app::routes;
use crate::client::Client;
use crate::probe::Probe;

/// What the request has in its head: the application's own state.
#[derive(Clone)]
struct Made(Arc<AtomicUsize>);

fn over(store: &Probe) -> SessionLayerBuilder {
    let store = store.clone();
    let open = move |_: Arc<Parts>| {
        let store = store.clone();
        async move { Ok::<_, BoxError>(store) }
    };
    SessionLayer::per_request(open, keygrip())
        .profile(Profile::Koa)
        .genid(|request| async move {
            tokio::task::yield_now().await; // it may take its time
            if let Some(Made(made)) = request.extensions.get() {
                made.fetch_add(1, Ordering::SeqCst);
            }
            let now = std::time::SystemTime::UNIX_EPOCH.elapsed()?;
            Ok(format!("{}_suffix", now.as_nanos()))
        })
}

fn koa() -> SessionLayerBuilder {
    over(&Probe::new())
}

#[tokio::test]
async fn t01_a_semicolon_comes_back() {
    let mut client = client(koa());
    client.get("/insert/a/;").await;
    assert_eq!(client.get("/get/a").await.body, ";");
}

#[tokio::test]
async fn t02_new_and_not_used_sets_nothing() {
    is_silent(&client(koa()).get("/idle").await);
}

#[tokio::test]
async fn t03_new_and_empty_sets_nothing() {
    is_silent(&client(koa()).get("/get/a").await);
}

#[tokio::test]
async fn t04_new_and_populated_has_an_id_of_our_making() {
    let client = with_session(koa()).await;
    let (time, suffix) = client.cookies[KOA].split_once('_').unwrap();
    assert!(time.parse::<u128>().is_ok());
    assert_eq!(suffix, "suffix");
}

/// koa makes an id for every request without one; ours is made when there is something to write.
#[tokio::test]
async fn t05_the_id_is_made_from_the_request_when_it_is_needed() {
    let made = Made(Arc::default());
    let router = routes()
        .layer(koa().build().unwrap())
        .layer(axum::Extension(made.clone()));
    let mut client = Client::new(&router);
    client.get("/get/a").await;
    assert_eq!(made.0.load(Ordering::SeqCst), 0);
    client.get("/insert/a/1").await;
    assert_eq!(made.0.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn t06_showing_an_empty_session_sets_nothing() {
    is_silent(&client(koa()).get("/values").await);
}

#[tokio::test]
async fn t07_saved_and_not_used_sets_nothing() {
    is_silent(&with_session(koa()).await.get("/idle").await);
}

#[tokio::test]
async fn t08_saved_with_the_same_content_sets_nothing() {
    is_silent(&with_session(koa()).await.get("/insert/message/hello").await);
}

#[tokio::test]
async fn t09_saved_and_unchanged_sets_nothing() {
    is_silent(&with_session(koa()).await.get("/get/message").await);
}

#[tokio::test]
async fn t10_saved_and_changed_is_set() {
    let reply = with_session(koa()).await.get("/insert/message/bye").await;
    assert!(reply.line(KOA).is_some());
}

#[tokio::test]
async fn t11_destroying_no_session_clears_the_cookie() {
    assert!(client(koa()).get("/destroy").await.line(KOA).is_some());
}

#[tokio::test]
async fn t12_replacing_no_session_by_nothing_sets_nothing() {
    is_silent(&client(koa()).get("/replace/%7B%7D").await);
}

#[tokio::test]
async fn t13_replacing_no_session_creates_one() {
    let reply = client(koa()).get("/replace/%7B%22a%22:1%7D").await;
    assert!(reply.line(KOA).is_some());
}

#[tokio::test]
async fn t14_replacing_by_a_text_is_500() {
    let reply = client(koa()).get("/replace/%22text%22").await;
    assert_eq!(reply.status, StatusCode::INTERNAL_SERVER_ERROR);
}

#[tokio::test]
async fn t15_t16_t17_values_length_and_emptiness() {
    let mut client = with_session(koa()).await;
    assert_eq!(client.get("/values").await.body, r#"{"message":"hello"}"#);
    assert_eq!(client.get("/len").await.body, "1");
}

#[tokio::test]
async fn t18_save_writes_an_empty_session() {
    assert!(client(koa()).get("/save").await.line(KOA).is_some());
}

#[tokio::test]
async fn t19_an_answer_of_failure_keeps_the_session() {
    let reply = client(koa()).get("/fail/a/1").await;
    assert_eq!(reply.status, StatusCode::IM_A_TEAPOT);
    assert!(reply.line(KOA).is_some());
}

#[tokio::test]
async fn t20_without_auto_commit_nothing_is_written() {
    let store = Probe::new();
    let mut client = client(over(&store).auto_commit(false));
    is_silent(&client.get("/insert/a/1").await);
    assert!(store.calls().is_empty());
}

#[tokio::test]
async fn t21_without_auto_commit_commit_writes() {
    let store = Probe::new();
    let handler = |session: Session| async move {
        session.insert("a", 1).await.unwrap();
        session.commit().await.unwrap();
        session.insert("late", 1).await.unwrap();
    };
    let layer = over(&store).auto_commit(false).build().unwrap();
    let mut client = Client::new(&Router::new().route("/", get(handler)).layer(layer));
    assert!(client.get("/").await.line(KOA).is_some());
    let record = store.only().await;
    assert_eq!((&record["a"], record.get("late")), (&json!(1), None));
}

#[tokio::test]
async fn t22_a_life_as_long_as_the_browsers() {
    let mut client = client(koa().max_age(MaxAge::Session));
    let reply = client.get("/insert/a/1").await;
    assert!(!reply.line(KOA).unwrap().contains("expires"));
    assert_eq!(client.get("/get/a").await.body, "1");
}

#[tokio::test]
async fn t23_such_a_life_stays_so() {
    let store = Probe::new();
    let mut client = client(over(&store).max_age(MaxAge::Session));
    for count in ["1", "2", "3"] {
        let reply = client.get("/count").await;
        assert_eq!(reply.body, count);
        assert!(!reply.line(KOA).unwrap().contains("expires"), "{count}");
        assert_eq!(store.only().await["_session"], true);
    }
}

#[tokio::test]
async fn t25_a_short_session_is_there_at_once() {
    let mut client = with_session(koa().max_age(Duration::from_secs(60))).await;
    assert_eq!(client.get("/get/message").await.body, "hello");
}

#[tokio::test]
async fn t26_a_short_session_expires() {
    let client = with_session(koa().max_age(Duration::from_millis(100))).await;
    outlive().await;
    assert_eq!(client.peek("/values").await.body, "{}");
}

#[tokio::test]
async fn t27_the_life_can_be_asked_for() {
    let mut client = client(koa().max_age(Duration::from_secs(60)));
    assert_eq!(client.get("/life").await.body, "After(60s)");
}

#[tokio::test]
async fn t28_t29_t30_a_life_of_its_own_has_an_end() {
    let store = Probe::new();
    let mut client = with_session(over(&store)).await;
    for path in ["/max_age/100000", "/insert/b/2", "/replace/%7B%22a%22:1%7D"] {
        let reply = client.get(path).await;
        assert!(reply.line(KOA).unwrap().contains("; expires="), "{path}");
        assert_eq!(store.only().await["_maxAge"], 100_000, "{path}");
    }
}

#[tokio::test]
async fn t31_an_id_without_a_record_is_a_new_session() {
    let store = Probe::new();
    let client = with_session(over(&store)).await;
    let (key, _) = store.live().await.remove(0);
    store.wipe(&key).await;
    assert_eq!(client.peek("/is_new").await.body, "true");
}

#[tokio::test]
async fn t32_valid_and_before_save_bind_a_session_to_a_user() {
    let client = client(super::koa_store::bound_to_user(koa()));
    super::koa_store::is_bound_to_user(client).await;
}
