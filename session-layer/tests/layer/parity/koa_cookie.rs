//! koa-session, `test/cookie.test.ts`: the session lives in the cookie.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::routing::get;
use http::StatusCode;
use serde_json::{Value, json};
use session_layer::{
    BoxError, Keys, Map, MaxAge, Profile, SameSite, Session, SessionLayer, SessionLayerBuilder,
};
use tower::util::MapRequestLayer;

use super::{KOA, client, content, is_silent, keygrip, koa_store, outlive, with_session};
use crate::app::routes;
use crate::client::Client;

fn koa() -> SessionLayerBuilder {
    SessionLayer::cookie(keygrip()).profile(Profile::Koa)
}

const SIG: &str = "koa.sess.sig";

#[tokio::test]
async fn t01_signed_with_keys_is_written() {
    let reply = client(koa()).get("/insert/a/1").await;
    assert_eq!(reply.status, StatusCode::OK);
    assert!(reply.line(KOA).is_some() && reply.line(SIG).is_some());
}

#[test]
fn t02_signed_without_keys_is_refused_when_it_is_built() {
    let refused = SessionLayer::cookie(Keys::none())
        .profile(Profile::Koa)
        .build();
    assert_eq!(refused.unwrap_err().option(), "keys");
}

#[tokio::test]
async fn t04_unsigned_needs_no_keys() {
    let layer = SessionLayer::cookie(Keys::none())
        .profile(Profile::Koa)
        .signed(false);
    let mut client = client(layer);
    let reply = client.get("/insert/a/1").await;
    assert_eq!(reply.set_cookies().len(), 1);
    assert_eq!(client.get("/get/a").await.body, "1");
}

#[tokio::test]
async fn t05_a_semicolon_comes_back_and_there_is_no_same_site() {
    let mut client = client(koa());
    let reply = client.get("/insert/a/;").await;
    assert!(!reply.line(KOA).unwrap().contains("samesite"));
    assert_eq!(client.get("/get/a").await.body, ";");
}

#[tokio::test]
async fn t06_new_and_not_used_sets_nothing() {
    is_silent(&client(koa()).get("/idle").await);
}

#[tokio::test]
async fn t07_new_and_empty_sets_nothing() {
    is_silent(&client(koa()).get("/get/a").await);
}

#[tokio::test]
async fn t08_new_and_populated_is_set() {
    assert!(client(koa()).get("/insert/a/1").await.line(KOA).is_some());
}

#[tokio::test]
async fn t09_showing_an_empty_session_sets_nothing() {
    let reply = client(koa()).get("/values").await;
    assert_eq!(reply.body, "{}");
    is_silent(&reply);
}

#[tokio::test]
async fn t10_saved_and_not_used_sets_nothing() {
    is_silent(&with_session(koa()).await.get("/idle").await);
}

#[tokio::test]
async fn t11_a_saved_session_is_there() {
    assert_eq!(
        with_session(koa()).await.get("/get/message").await.body,
        "hello"
    );
}

#[tokio::test]
async fn t12_saved_and_unchanged_sets_nothing() {
    is_silent(&with_session(koa()).await.get("/insert/message/hello").await);
}

#[tokio::test]
async fn t13_saved_and_changed_is_set() {
    let reply = with_session(koa()).await.get("/insert/message/bye").await;
    assert!(!reply.line(KOA).unwrap().contains("samesite"));
}

#[tokio::test]
async fn t14_destroyed_clears_both_cookies() {
    let reply = with_session(koa()).await.get("/destroy").await;
    assert_eq!(
        reply.set_cookies(),
        [
            "koa.sess=; path=/; expires=Thu, 01 Jan 1970 00:00:00 GMT; httponly",
            "koa.sess.sig=OutgMohMu21khLGNzdTgaP9EjPI; path=/; expires=Thu, 01 Jan 1970 00:00:00 GMT; httponly",
        ]
    );
}

#[tokio::test]
async fn t15_destroyed_and_unsigned_clears_the_cookie() {
    let mut client = client(koa().signed(false));
    client.get("/insert/a/1").await;
    let reply = client.get("/destroy").await;
    assert_eq!(
        reply.set_cookies(),
        ["koa.sess=; path=/; expires=Thu, 01 Jan 1970 00:00:00 GMT; httponly"]
    );
}

#[tokio::test]
async fn t16_a_destroyed_session_reads_as_empty() {
    let ended = |session: Session| async move {
        session.destroy();
        session.len().await.unwrap().to_string()
    };
    let router = routes()
        .route("/ended", get(ended))
        .layer(koa().build().unwrap());
    let mut client = Client::new(&router);
    client.get("/insert/a/1").await;
    let reply = client.get("/ended").await;
    assert_eq!(reply.body, "0");
    assert!(reply.line(KOA).unwrap().starts_with("koa.sess=;"));
}

#[tokio::test]
async fn t17_a_cookie_that_does_not_decode_is_a_new_session() {
    for junk in ["bm90IGpzb24=", "W10=", "MQ==", "bnVsbA==", "*"] {
        let mut client = client(koa().signed(false));
        client.cookies.insert(KOA.to_owned(), junk.to_owned());
        let reply = client.get("/is_new").await;
        assert_eq!(
            (reply.status, reply.body.as_str()),
            (StatusCode::OK, "true"),
            "{junk}"
        );
    }
}

#[tokio::test]
async fn t18_a_decode_that_fails_is_500_and_clears_the_cookie() {
    let layer = koa()
        .encode(|_, _| async { Ok("text".to_owned()) })
        .decode(|_, _| async { Err::<Option<Map<String, Value>>, BoxError>("broken".into()) });
    for layer in [layer.clone(), layer.rolling(true)] {
        let mut client = with_session(layer).await;
        let reply = client.get("/get/message").await;
        assert_eq!(reply.status, StatusCode::INTERNAL_SERVER_ERROR);
        assert!(reply.line(KOA).unwrap().starts_with("koa.sess=;"));
        assert!(client.cookies.is_empty());
    }
}

#[tokio::test]
async fn t19_an_encode_that_fails_is_500_and_logged() {
    let events = crate::events::Events::record();
    let layer = koa()
        .encode(|_, _| async { Err::<String, BoxError>("told to fail".into()) })
        .decode(|_, _| async { Ok(None) });
    let reply = client(layer).get("/insert/a/1").await;
    assert_eq!(reply.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert!(reply.set_cookies().is_empty());
    assert!(events.text().contains("told to fail"));
}

#[tokio::test]
async fn t20_the_values_are_the_content() {
    let body = with_session(koa()).await.get("/values").await.body;
    assert_eq!(body, r#"{"message":"hello"}"#);
}

#[tokio::test]
async fn t21_the_length_counts_the_values() {
    assert_eq!(with_session(koa()).await.get("/len").await.body, "1");
}

#[tokio::test]
async fn t22_populated_is_not_empty() {
    let populated = |session: Session| async move {
        assert!(session.is_empty().await.unwrap());
        session.insert("a", 1).await.unwrap();
        assert!(!session.is_empty().await.unwrap());
    };
    let router = Router::new()
        .route("/", get(populated))
        .layer(koa().build().unwrap());
    assert_eq!(Client::new(&router).get("/").await.status, StatusCode::OK);
}

#[tokio::test]
async fn t23_save_sends_an_empty_session() {
    let mut client = client(koa());
    assert!(client.get("/save").await.line(KOA).is_some());
    let content = content(&client, KOA);
    assert!(content["_expire"].is_u64() && content["_maxAge"] == 86_400_000);
    assert_eq!(client.get("/is_new").await.body, "false");
}

#[tokio::test]
async fn t24_destroying_no_session_clears_the_cookie() {
    assert!(client(koa()).get("/destroy").await.line(KOA).is_some());
}

#[tokio::test]
async fn t25_replacing_no_session_by_nothing_sets_nothing() {
    is_silent(&client(koa()).get("/replace/%7B%7D").await);
}

#[tokio::test]
async fn t26_replacing_no_session_creates_one() {
    let mut client = client(koa());
    let reply = client.get("/replace/%7B%22message%22:%22hello%22%7D").await;
    assert!(reply.line(KOA).is_some());
    assert_eq!(client.get("/get/message").await.body, "hello");
}

#[tokio::test]
async fn t27_replacing_by_a_text_is_500() {
    for json in ["%22text%22", "1", "[]", "null"] {
        let reply = client(koa()).get(&format!("/replace/{json}")).await;
        assert_eq!(reply.status, StatusCode::INTERNAL_SERVER_ERROR, "{json}");
    }
}

#[tokio::test]
async fn t28_an_answer_of_failure_keeps_the_session() {
    let mut client = client(koa());
    let reply = client.get("/fail/a/1").await;
    assert_eq!(reply.status, StatusCode::IM_A_TEAPOT);
    assert!(reply.line(KOA).is_some());
    assert_eq!(client.get("/get/a").await.body, "1");
}

#[tokio::test]
async fn t29_a_short_session_is_there_at_once() {
    let mut client = with_session(koa().max_age(Duration::from_secs(60))).await;
    assert_eq!(client.get("/get/message").await.body, "hello");
}

#[tokio::test]
async fn t30_a_short_session_expires() {
    let client = with_session(koa().max_age(Duration::from_millis(100))).await;
    outlive().await;
    assert_eq!(client.peek("/values").await.body, "{}");
}

#[tokio::test]
async fn t31_the_life_can_be_asked_for() {
    let mut client = client(koa().max_age(Duration::from_secs(60)));
    assert_eq!(client.get("/life").await.body, "After(60s)");
    client.get("/insert/a/1").await;
    assert_eq!(client.get("/life").await.body, "After(60s)");
}

#[tokio::test]
async fn t32_a_life_with_content_has_an_end() {
    let handler = |session: Session| async move {
        session.insert("a", 1).await.unwrap();
        session.set_max_age(Duration::from_secs(100));
    };
    let router = Router::new()
        .route("/", get(handler))
        .layer(koa().build().unwrap());
    let mut client = Client::new(&router);
    let reply = client.get("/").await;
    assert!(reply.line(KOA).unwrap().contains("; expires="));
    assert_eq!(content(&client, KOA)["_maxAge"], 100_000);
}

#[tokio::test]
async fn t33_a_life_alone_is_saved() {
    let mut client = client(koa());
    let reply = client.get("/max_age/100000").await;
    assert!(reply.line(KOA).unwrap().contains("; expires="));
    assert_eq!(content(&client, KOA)["_maxAge"], 100_000);
}

#[tokio::test]
async fn t34_a_life_with_replaced_values() {
    let handler = |session: Session| async move {
        session.replace(json!({"a": 1})).await.unwrap();
        session.set_max_age(Duration::from_secs(100));
    };
    let router = Router::new()
        .route("/", get(handler))
        .layer(koa().build().unwrap());
    let mut client = Client::new(&router);
    client.get("/").await;
    assert_eq!(content(&client, KOA)["_maxAge"], 100_000);
    assert_eq!(content(&client, KOA)["a"], 1);
}

#[tokio::test]
async fn t35_regenerate_keeps_the_content_and_changes_the_cookie() {
    let mut client = with_session(koa().max_age(Duration::from_secs(60))).await;
    let before = client.cookies[KOA].clone();
    tokio::time::sleep(Duration::from_millis(5)).await;
    assert_eq!(client.get("/regenerate").await.set_cookies().len(), 2);
    assert_ne!(client.cookies[KOA], before);
    assert_eq!(client.get("/get/message").await.body, "hello");
}

#[tokio::test]
async fn t36_there_is_no_session_outside_the_layer() {
    let outside = MapRequestLayer::new(|request: Request| {
        assert!(request.extensions().get::<Session>().is_none());
        request
    });
    let router = routes().layer(koa().build().unwrap()).layer(outside);
    assert_eq!(
        Client::new(&router).get("/get/a").await.status,
        StatusCode::OK
    );
}

/// koa sends `samesite=none` over http too, where browsers drop the cookie.
#[tokio::test]
async fn t37_same_site_none() {
    let layer = || koa().same_site(SameSite::None).max_age(MaxAge::Session);
    let attributes = |reply: crate::client::Reply| {
        let line = reply.line(KOA).unwrap().to_owned();
        line.split_once("; ").unwrap().1.to_owned()
    };
    let reply = client(layer()).get("/insert/a/1").await;
    assert_eq!(attributes(reply), "path=/; httponly");
    let reply = client(layer().secure(true)).get("/insert/a/1").await;
    assert_eq!(attributes(reply), "path=/; samesite=none; secure; httponly");
}

#[tokio::test]
async fn t38_same_site_lax() {
    let layer = koa().same_site(SameSite::Lax).max_age(MaxAge::Session);
    let reply = client(layer).get("/insert/a/1").await;
    assert!(
        reply
            .line(KOA)
            .unwrap()
            .ends_with("; path=/; samesite=lax; httponly")
    );
}

#[tokio::test]
async fn t39_valid_and_before_save_bind_a_session_to_a_user() {
    let client = with_session(koa_store::bound_to_user(koa())).await;
    koa_store::is_bound_to_user(client).await;
}

#[tokio::test]
async fn t40_own_encode_and_decode() {
    let calls = Arc::new([AtomicUsize::new(0), AtomicUsize::new(0)]);
    let (encodes, decodes) = (calls.clone(), calls.clone());
    let layer = koa()
        .encode(move |_, values| {
            encodes[0].fetch_add(1, Ordering::SeqCst);
            async move { Ok(Value::from(values).to_string().replace('"', "'")) }
        })
        .decode(move |_, text| {
            decodes[1].fetch_add(1, Ordering::SeqCst);
            async move { Ok(serde_json::from_str(&text.replace('\'', "\"")).ok()) }
        });
    let mut client = client(layer);
    assert_eq!(client.get("/count").await.body, "1");
    assert!(client.cookies[KOA].starts_with("{'_expire':"));
    assert_eq!(client.get("/count").await.body, "2");
    assert_eq!(
        calls.each_ref().map(|calls| calls.load(Ordering::SeqCst)),
        [2, 1]
    );
}

#[tokio::test]
async fn t41_rolling_without_a_session_sets_nothing() {
    is_silent(&client(koa().rolling(true)).get("/get/a").await);
}

#[tokio::test]
async fn t42_rolling_with_a_session_sets_both_cookies() {
    let mut client = with_session(koa().rolling(true)).await;
    for path in ["/get/message", "/idle"] {
        let reply = client.get(path).await;
        assert_eq!(
            reply.set_cookies().len(),
            2,
            "{path}: also where it is not used"
        );
    }
}

#[tokio::test]
async fn t43_two_layers_on_one_app_are_independent() {
    let router = routes()
        .layer(koa().key("inner").build().unwrap())
        .layer(koa().key("outer").rolling(true).build().unwrap());
    let mut client = Client::new(&router);
    let reply = client.get("/insert/a/1").await;
    assert!(reply.line("inner").is_some() && reply.line("outer").is_none());
    assert_eq!(client.get("/get/a").await.body, "1");
}
