//! koa-session, `test/store.test.ts`: a store of three methods.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::routing::get;
use axum::{Extension, Router};
use http::StatusCode;
use http::header::COOKIE;
use serde_json::{Value, json};
use session_layer::{
    MaxAge, Profile, Session, SessionEventKind, SessionLayer, SessionLayerBuilder,
};

use super::{KOA, client, is_silent, keygrip, outlive, with_session};
use crate::app::routes;
use crate::client::Client;
use crate::probe::Probe;

fn over(store: &Probe) -> SessionLayerBuilder {
    SessionLayer::new(store.clone(), keygrip()).profile(Profile::Koa)
}

fn koa() -> SessionLayerBuilder {
    over(&Probe::new())
}

/// A session remembers the user of the request that wrote it, and is good for no other.
pub(super) fn bound_to_user(builder: SessionLayerBuilder) -> SessionLayerBuilder {
    let user = |request: &http::request::Parts| {
        let cookies = request
            .headers
            .get(COOKIE)
            .map(|it| it.to_str().unwrap().to_owned());
        let cookies = cookies.unwrap_or_default();
        let uid = cookies
            .split("; ")
            .find_map(|pair| pair.strip_prefix("uid="));
        uid.map(str::to_owned)
    };
    builder
        .valid(move |request, values| async move {
            tokio::task::yield_now().await; // it may take its time
            Ok(values.get("uid") == Some(&json!(user(&request))))
        })
        .before_save(move |request, mut values| async move {
            tokio::task::yield_now().await;
            values.insert("uid".to_owned(), json!(user(&request)));
            Ok(values)
        })
}

pub(super) async fn is_bound_to_user(mut client: Client) {
    client.cookies.insert("uid".to_owned(), "123".to_owned());
    client.cookies.remove("none");
    client.get("/insert/message/hello").await;
    assert_eq!(
        client.get("/get/message").await.body,
        "hello",
        "the same user"
    );
    assert_eq!(client.get("/get/uid").await.body, "123");
    client.cookies.insert("uid".to_owned(), "456".to_owned());
    assert_eq!(client.get("/values").await.body, "{}", "another user");
    assert_eq!(client.get("/is_new").await.body, "true");
}

/// What the layer tells its listener.
type Told = Arc<Mutex<Vec<(SessionEventKind, Option<String>, Option<Value>, String)>>>;

fn listen(builder: SessionLayerBuilder) -> (SessionLayerBuilder, Told) {
    let told = Told::default();
    let tell = told.clone();
    let builder = builder.on_event(move |event| {
        tell.lock().unwrap().push((
            event.kind(),
            event.key().map(|key| key.as_str().to_owned()),
            event.values().cloned().map(Value::from),
            event.request().unwrap().uri.path().to_owned(),
        ));
    });
    (builder, told)
}

#[tokio::test]
async fn t01_a_semicolon_comes_back() {
    let mut client = client(koa());
    client.get("/insert/a/;").await;
    assert_eq!(client.get("/get/a").await.body, ";");
}

/// koa can take its store away while it runs; ours is another layer.
#[tokio::test]
async fn t02_without_its_store_an_id_is_a_new_session() {
    let client = with_session(koa()).await;
    let without = SessionLayer::cookie(keygrip()).profile(Profile::Koa);
    let mut client = client.at(&crate::app::app(without));
    assert_eq!(client.get("/is_new").await.body, "true");
}

#[tokio::test]
async fn t03_new_and_not_used_sets_nothing() {
    is_silent(&client(koa()).get("/idle").await);
}

#[tokio::test]
async fn t04_new_and_empty_sets_nothing() {
    is_silent(&client(koa()).get("/get/a").await);
}

#[tokio::test]
async fn t05_new_and_populated_is_set() {
    assert!(client(koa()).get("/insert/a/1").await.line(KOA).is_some());
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
    let mut client = with_session(koa()).await;
    is_silent(&client.get("/replace/%7B%22message%22:%22hello%22%7D").await);
}

#[tokio::test]
async fn t09_saved_and_unchanged_sets_nothing() {
    is_silent(&with_session(koa()).await.get("/get/message").await);
}

#[tokio::test]
async fn t10_saved_and_changed_is_set_under_the_same_id() {
    let mut client = with_session(koa()).await;
    let id = client.cookies[KOA].clone();
    let reply = client.get("/insert/message/bye").await;
    assert!(reply.line(KOA).is_some());
    assert_eq!(client.cookies[KOA], id);
}

#[tokio::test]
async fn t11_destroying_no_session_clears_the_cookie() {
    let store = Probe::new();
    let reply = client(over(&store)).get("/destroy").await;
    assert!(reply.line(KOA).unwrap().starts_with("koa.sess=;"));
    assert!(store.calls().is_empty(), "there is nothing to destroy");
}

#[tokio::test]
async fn t12_replacing_no_session_by_nothing_sets_nothing() {
    is_silent(&client(koa()).get("/replace/%7B%7D").await);
}

#[tokio::test]
async fn t13_replacing_no_session_creates_one() {
    let reply = client(koa()).get("/replace/%7B%22a%22:%221%22%7D").await;
    assert!(reply.line(KOA).is_some());
}

#[tokio::test]
async fn t14_replacing_by_a_text_is_500() {
    let reply = client(koa()).get("/replace/%22text%22").await;
    assert_eq!(reply.status, StatusCode::INTERNAL_SERVER_ERROR);
}

#[tokio::test]
async fn t15_the_values_are_the_content() {
    let body = with_session(koa()).await.get("/values").await.body;
    assert_eq!(body, r#"{"message":"hello"}"#);
}

#[tokio::test]
async fn t16_the_length_counts_the_values() {
    assert_eq!(with_session(koa()).await.get("/len").await.body, "1");
}

#[tokio::test]
async fn t17_a_session_without_values_is_empty() {
    assert_eq!(client(koa()).get("/len").await.body, "0");
}

#[tokio::test]
async fn t18_save_writes_an_empty_session() {
    let store = Probe::new();
    assert!(client(over(&store)).get("/save").await.line(KOA).is_some());
    assert_eq!(store.only().await["_maxAge"], 86_400_000);
}

#[tokio::test]
async fn t19_an_answer_of_failure_keeps_the_session() {
    let reply = client(koa()).get("/fail/a/1").await;
    assert_eq!(reply.status, StatusCode::IM_A_TEAPOT);
    assert!(reply.line(KOA).is_some());
}

#[tokio::test]
async fn t20_a_life_as_long_as_the_browsers() {
    let store = Probe::new();
    let mut client = client(over(&store).max_age(MaxAge::Session));
    let reply = client.get("/insert/a/1").await;
    assert!(!reply.line(KOA).unwrap().contains("expires"));
    assert_eq!(client.get("/get/a").await.body, "1");
    assert_eq!(store.only().await, json!({"a": "1", "_session": true}));
}

#[tokio::test]
async fn t21_a_short_session_is_there_at_once() {
    let mut client = with_session(koa().max_age(Duration::from_secs(60))).await;
    assert_eq!(client.get("/get/message").await.body, "hello");
}

#[tokio::test]
async fn t22_a_short_session_expires_and_is_told() {
    let (layer, told) = listen(koa().max_age(Duration::from_millis(100)));
    let client = with_session(layer).await;
    outlive().await;
    assert_eq!(client.peek("/values").await.body, "{}");
    let id = client.cookies[KOA].clone();
    let values = json!({"message": "hello"});
    let event = (
        SessionEventKind::Expired,
        Some(id),
        Some(values),
        "/values".to_owned(),
    );
    assert_eq!(*told.lock().unwrap(), [event]);
}

#[tokio::test]
async fn t23_the_life_can_be_asked_for() {
    let mut client = client(koa().max_age(Duration::from_secs(60)));
    assert_eq!(client.get("/life").await.body, "After(60s)");
}

#[tokio::test]
async fn t24_a_life_with_content_has_an_end() {
    let store = Probe::new();
    let mut client = with_session(over(&store)).await;
    let reply = client.get("/max_age/100000").await;
    assert!(reply.line(KOA).unwrap().contains("; expires="));
    assert_eq!(store.only().await["_maxAge"], 100_000);
}

#[tokio::test]
async fn t25_a_life_alone_is_saved() {
    let store = Probe::new();
    let reply = client(over(&store)).get("/max_age/100000").await;
    assert!(reply.line(KOA).unwrap().contains("; expires="));
    assert_eq!(store.only().await["_maxAge"], 100_000);
}

#[tokio::test]
async fn t26_a_life_with_replaced_values() {
    let store = Probe::new();
    let handler = |session: Session| async move {
        session.replace(json!({"a": 1})).await.unwrap();
        session.set_max_age(MaxAge::Session);
    };
    let router = routes()
        .route("/", get(handler))
        .layer(over(&store).build().unwrap());
    let mut client = Client::new(&router);
    client.get("/insert/message/hello").await;
    let reply = client.get("/").await;
    assert!(!reply.line(KOA).unwrap().contains("expires"));
    assert_eq!(store.only().await, json!({"a": 1, "_session": true}));
}

#[tokio::test]
async fn t27_regenerate_changes_the_id_and_keeps_the_content() {
    let store = Probe::new();
    let mut client = with_session(over(&store)).await;
    let before = client.cookies[KOA].clone();
    client.get("/regenerate").await;
    assert_ne!(client.cookies[KOA], before);
    assert_eq!(client.get("/get/message").await.body, "hello");
    assert_eq!(store.live().await.len(), 1);
}

#[tokio::test]
async fn t28_an_id_without_a_record_is_a_new_session_and_is_told() {
    let store = Probe::new();
    let (layer, told) = listen(over(&store));
    let client = with_session(layer).await;
    let (key, _) = store.live().await.remove(0);
    store.wipe(&key).await;
    assert_eq!(client.peek("/is_new").await.body, "true");
    let id = Some(key.as_str().to_owned());
    let event = (SessionEventKind::Missed, id, None, "/is_new".to_owned());
    assert_eq!(*told.lock().unwrap(), [event]);
}

#[tokio::test]
async fn t29_valid_and_before_save_bind_a_session_to_a_user() {
    let (layer, told) = listen(bound_to_user(koa()));
    is_bound_to_user(client(layer)).await;
    let told = told.lock().unwrap();
    assert_eq!(told.len(), 2);
    for (kind, key, values, _) in told.iter() {
        assert_eq!(*kind, SessionEventKind::Invalid);
        assert!(key.is_some());
        assert_eq!(values.as_ref().unwrap()["uid"], "123");
    }
}

/// koa's accessor can be replaced by a mock; here a handler is given whatever session its test likes.
#[tokio::test]
async fn t30_a_handlers_session_can_be_any() {
    let given = |session: Session| async move {
        let value: Option<String> = session.get("a").await.unwrap();
        value.unwrap_or_default()
    };
    let keep = move |session: Session| async move {
        session.insert("a", "given").await.unwrap();
        let inner = Router::new()
            .route("/", get(given))
            .layer(Extension(session));
        Client::new(&inner).get("/").await.body
    };
    let outer = Router::new()
        .route("/", get(keep))
        .layer(koa().build().unwrap());
    assert_eq!(Client::new(&outer).get("/").await.body, "given");
}

#[tokio::test]
async fn t31_rolling_without_a_session_sets_nothing() {
    is_silent(&client(koa().rolling(true)).get("/get/a").await);
}

#[tokio::test]
async fn t32_rolling_with_a_session_sets_both_cookies() {
    let mut client = with_session(koa().rolling(true)).await;
    assert_eq!(client.get("/idle").await.set_cookies().len(), 2);
}

#[tokio::test]
async fn t33_ids_have_the_prefix() {
    let mut client = with_session(koa().prefix("sess:")).await;
    assert!(client.cookies[KOA].starts_with("sess:"));
    assert_eq!(client.get("/get/message").await.body, "hello");
}

#[tokio::test]
async fn t34_renew_without_a_session_sets_nothing() {
    is_silent(&client(koa().renew(true)).get("/get/a").await);
}

/// A session whose record says that so much of its two seconds is left.
async fn with_left(left: Duration) -> Client {
    let store = Probe::new();
    let client = with_session(over(&store).renew(true).max_age(Duration::from_secs(2000))).await;
    let (key, _) = store.live().await.remove(0);
    let mut record = store.only().await;
    let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap();
    record["_expire"] = u64::try_from((now + left).as_millis()).unwrap().into();
    store
        .put(&key, record.to_string(), Duration::from_secs(2010))
        .await;
    client
}

#[tokio::test]
async fn t35_renew_in_the_second_half_sets_both_cookies() {
    let mut client = with_left(Duration::from_secs(800)).await;
    assert_eq!(client.get("/get/message").await.set_cookies().len(), 2);
}

#[tokio::test]
async fn t36_renew_in_the_first_half_sets_nothing() {
    is_silent(
        &with_left(Duration::from_secs(1500))
            .await
            .get("/get/message")
            .await,
    );
}

#[tokio::test]
async fn t37_outside_the_layer_nothing_can_be_lost() {
    // koa gives code before its middleware a session that it throws away; here that does not compile or is told.
    let reply = Client::new(&routes()).get("/get/a").await;
    assert_eq!(reply.status, StatusCode::INTERNAL_SERVER_ERROR);
}
