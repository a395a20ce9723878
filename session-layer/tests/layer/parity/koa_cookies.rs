//! `cookies`, koa's jar, as far as a session's cookie goes. Its vectors stand beside the code.

use session_layer::{Keys, Priority, Profile, SameSite, SessionLayer, SessionLayerBuilder};

use super::{KOA, client, is_silent};
use crate::app::app;

const SIG: &str = "koa.sess.sig";

fn with_keys(keys: &[&str]) -> SessionLayerBuilder {
    SessionLayer::cookie(Keys::keygrip(keys).unwrap())
        .profile(Profile::Koa)
        .trust_proxy(true)
}

fn koa() -> SessionLayerBuilder {
    with_keys(&["a"])
}

#[tokio::test]
async fn a_name_of_every_character_that_one_may_have() {
    let name = "!#$%&'*+-.^_`|~09azAZ";
    let mut client = client(koa().key(name));
    client.get("/insert/a/1").await;
    assert!(client.cookies.contains_key(name));
    assert_eq!(client.get("/get/a").await.body, "1");
}

#[tokio::test]
async fn the_full_header_in_koas_order_on_the_signature_too() {
    let layer = koa()
        .path("/app")
        .domain("a.test")
        .priority(Priority::Low)
        .same_site(SameSite::Strict)
        .secure(true);
    let reply = client(layer).get("/insert/a/1").await;
    for name in [KOA, SIG] {
        let line = reply.line(name).unwrap();
        let (begin, rest) = line.split_once("; expires=").unwrap();
        assert!(begin.ends_with("; path=/app"), "{line}");
        let (_, end) = rest.split_once(" GMT; ").unwrap();
        assert_eq!(
            end,
            "domain=a.test; priority=low; samesite=strict; secure; httponly"
        );
        assert!(!line.contains("max-age"));
    }
}

#[tokio::test]
async fn http_only_and_secure_are_the_signatures_too() {
    let readable = client(koa().http_only(false)).get("/insert/a/1").await;
    let https = [("x-forwarded-proto", "https")];
    let secure = client(koa()).with("/insert/a/1", &https).await;
    for name in [KOA, SIG] {
        assert!(!readable.line(name).unwrap().contains("httponly"));
        assert!(!readable.line(name).unwrap().contains("secure"));
        assert!(secure.line(name).unwrap().ends_with("; secure; httponly"));
    }
}

#[tokio::test]
async fn a_wrong_or_missing_signature_is_a_new_session() {
    let mut client = client(koa());
    client.get("/insert/a/1").await;
    let mut missing = client.clone();
    missing.cookies.remove(SIG);
    client.cookies.insert(SIG.to_owned(), "A".repeat(27));
    for mut client in [client, missing] {
        let reply = client.get("/is_new").await;
        assert_eq!(reply.body, "true");
        is_silent(&reply);
    }
}

#[tokio::test]
async fn an_old_keys_cookie_is_read_and_renewed_once_with_its_attributes() {
    let mut client = client(with_keys(&["old"]).path("/app"));
    client.get("/insert/a/1").await;
    let mut client = client.at(&app(with_keys(&["new", "old"]).path("/app")));
    let reply = client.get("/get/a").await;
    assert_eq!(reply.body, "1");
    for name in [KOA, SIG] {
        let line = reply.line(name).unwrap();
        assert!(line.contains("; path=/app; expires="), "{line}");
    }
    is_silent(&client.get("/get/a").await);
    let mut retired = client.at(&app(with_keys(&["new"])));
    assert_eq!(retired.get("/get/a").await.body, "1");
}
