//! What every option does to `Set-Cookie`, and which are refused.

use std::time::Duration;

use axum::body::Body;
use http::{Request, Uri};
use session_layer::{
    InvalidOption, Keys, MaxAge, Profile, SameSite, SessionLayer, SessionLayerBuilder,
};

use crate::app::{app, atomic, keys};
use crate::client::{Client, Reply, send};
use crate::parity::InHeader;
use crate::probe::Probe;

fn builder() -> SessionLayerBuilder {
    atomic(&Probe::new())
}

/// Name and attributes of the cookie a new session gets for a request to `uri`.
async fn line_at(
    builder: SessionLayerBuilder,
    uri: &str,
    proto: Option<&str>,
) -> (String, Vec<String>) {
    let mut request = Request::get(uri.parse::<Uri>().unwrap());
    if let Some(proto) = proto {
        request = request.header("x-forwarded-proto", proto);
    }
    let reply = send(&app(builder), request.body(Body::empty()).unwrap()).await;
    split(&reply)
}

async fn line(builder: SessionLayerBuilder) -> (String, Vec<String>) {
    line_at(builder, "/insert/a/1", None).await
}

fn split(reply: &Reply) -> (String, Vec<String>) {
    let lines = reply.set_cookies();
    assert_eq!(lines.len(), 1, "{lines:?}");
    let mut parts = lines[0].split("; ").map(str::to_owned);
    let name = parts.next().unwrap().split_once('=').unwrap().0.to_owned();
    (name, parts.collect())
}

async fn attributes(builder: SessionLayerBuilder) -> Vec<String> {
    line(builder).await.1
}

#[tokio::test]
async fn the_defaults_are_eggs() {
    let (name, attributes) = line(builder()).await;
    assert_eq!(name, "EGG_SESS");
    assert_eq!(attributes, ["Path=/", "Max-Age=86400", "HttpOnly"]);
}

#[tokio::test]
async fn each_option_changes_its_attribute() {
    assert_eq!(line(builder().key("sid")).await.0, "sid");
    assert_eq!(
        attributes(builder().http_only(false)).await,
        ["Path=/", "Max-Age=86400"]
    );
    let strict = attributes(builder().same_site(SameSite::Strict)).await;
    assert_eq!(
        strict,
        ["Path=/", "Max-Age=86400", "SameSite=Strict", "HttpOnly"]
    );
    let lax = attributes(builder().same_site(SameSite::Lax)).await;
    assert_eq!(lax, ["Path=/", "Max-Age=86400", "SameSite=Lax", "HttpOnly"]);
    let none = attributes(builder().same_site(SameSite::None).secure(true)).await;
    assert_eq!(
        none,
        [
            "Path=/",
            "Max-Age=86400",
            "SameSite=None",
            "Secure",
            "HttpOnly",
        ]
    );
    let placed = attributes(builder().path("/app").domain("example.org")).await;
    assert_eq!(
        placed,
        [
            "Path=/app",
            "Max-Age=86400",
            "Domain=example.org",
            "HttpOnly",
        ]
    );
    let host = attributes(builder().key("__Host-sid").secure(true)).await;
    assert_eq!(host, ["Path=/", "Max-Age=86400", "Secure", "HttpOnly"]);
}

#[tokio::test]
async fn a_life_is_whole_seconds_rounded_up() {
    for (max_age, seconds) in [
        (Duration::from_nanos(1), "1"),
        (Duration::from_millis(1500), "2"),
        (Duration::from_secs(60), "60"),
        (Duration::MAX, "9007199254741"),
    ] {
        let attributes = attributes(builder().max_age(max_age)).await;
        assert_eq!(attributes[1], format!("Max-Age={seconds}"));
    }
    let session = attributes(builder().max_age(MaxAge::Session)).await;
    assert_eq!(session, ["Path=/", "HttpOnly"]);
}

#[tokio::test]
async fn secure_follows_the_scheme_and_a_trusted_proxy() {
    async fn secure(builder: SessionLayerBuilder, uri: &str, proto: Option<&str>) -> bool {
        let (_, attributes) = line_at(builder, uri, proto).await;
        attributes.iter().any(|attribute| attribute == "Secure")
    }
    let (http, https) = ("http://a.test/insert/a/1", "https://a.test/insert/a/1");
    assert!(!secure(builder(), http, None).await);
    assert!(secure(builder(), https, None).await);
    assert!(!secure(builder(), http, Some("https")).await, "not trusted");
    assert!(secure(builder().trust_proxy(true), http, Some("https")).await);
    assert!(secure(builder().trust_proxy(true), http, Some("HTTPS, http")).await);
    assert!(!secure(builder().trust_proxy(true), http, Some("http, https")).await);
    assert!(secure(builder().secure(true), http, None).await);
    assert!(!secure(builder().secure(false), https, None).await);
}

#[tokio::test]
async fn ids_are_random_prefixed_and_hidden_unless_signed() {
    let store = Probe::new();
    let mut signed = Client::new(&app(atomic(&store).prefix("shop:")));
    signed.get("/insert/a/1").await;
    let (key, _) = &store.live().await[0];
    assert_eq!(signed.id(), *key);
    assert!(key.as_str().starts_with("shop:") && key.as_str().len() == 5 + 24);

    let store = Probe::new();
    let sealed = SessionLayer::atomic(store.clone(), keys()).prefix("shop:");
    let mut sealed = Client::new(&app(sealed));
    sealed.get("/insert/a/1").await;
    let first = sealed.cookie().to_owned();
    assert!(!first.contains("shop"));
    assert_eq!(sealed.get("/get/a").await.body, "1");
    sealed.get("/insert/a/2").await;
    assert_ne!(first, sealed.cookie(), "a new nonce each time");
    assert_eq!(store.live().await.len(), 1);
}

#[tokio::test]
async fn the_cookie_is_cleared_where_it_was_set() {
    let layer = builder().path("/app").domain("example.org").secure(true);
    let mut client = Client::new(&app(layer));
    client.get("/insert/a/1").await;
    let (_, attributes) = split(&client.get("/destroy").await);
    let epoch = "Expires=Thu, 01 Jan 1970 00:00:00 GMT";
    assert_eq!(
        attributes,
        [
            "Path=/app",
            "Max-Age=0",
            epoch,
            "Domain=example.org",
            "Secure",
            "HttpOnly",
        ]
    );
}

#[test]
fn what_no_browser_or_store_would_take_is_refused_by_name() {
    type Change = fn(SessionLayerBuilder) -> SessionLayerBuilder;
    let refused: &[(&str, Change)] = &[
        ("key", |b| b.key("")),
        ("key", |b| b.key("two words")),
        ("key", |b| b.key("a;b")),
        ("key", |b| b.key("a=b")),
        ("key", |b| b.key("sëss")),
        ("key", |b| b.key("a\r\nb")),
        ("path", |b| b.path("")),
        ("path", |b| b.path("app")),
        ("path", |b| b.path("/a; Domain=evil.test")),
        ("path", |b| b.path("/a\r\nx: y")),
        ("path", |b| b.path("/ä")),
        ("domain", |b| b.domain("")),
        ("domain", |b| b.domain(".")),
        ("domain", |b| b.domain("a.test; Path=/")),
        ("domain", |b| b.domain("a.test\n")),
        ("domain", |b| {
            b.key("__Host-sid").secure(true).domain("a.test")
        }),
        ("path", |b| b.key("__Host-sid").secure(true).path("/app")),
        ("path", |b| b.key("__hOST-sid").secure(true).path("/app")),
        ("secure", |b| b.key("__Host-sid").secure(false)),
        ("secure", |b| b.key("__Secure-sid")),
        ("secure", |b| b.same_site(SameSite::None).secure(false)),
        ("partitioned", |b| b.partitioned(true)),
        ("partitioned", |b| {
            b.partitioned(true).same_site(SameSite::Lax)
        }),
        ("remove_unpartitioned", |b| b.remove_unpartitioned(true)),
        ("auto_chips", |b| b.auto_chips(true)),
        ("auto_chips", |b| {
            b.auto_chips(true)
                .partitioned(true)
                .same_site(SameSite::None)
        }),
        ("signed", |b| b.encrypt(false).signed(false)),
        ("encrypt", |b| b.profile(Profile::Koa).encrypt(true)),
        ("ignore", |b| b.ignore("/a").only("/b")),
        ("prefix", |b| {
            b.prefix("p:").genid(|_| async { Ok("id".to_owned()) })
        }),
        ("decode", |b| b.encode(|_, _| async { Ok(String::new()) })),
        ("encode", |b| b.decode(|_, _| async { Ok(None) })),
        ("encode", |b| {
            b.encode(|_, _| async { Ok(String::new()) })
                .decode(|_, _| async { Ok(None) })
        }),
        ("domain", |b| b.domain("a.test").domain_for(|_| None)),
        ("domain", |b| {
            b.key("__Host-sid").secure(true).domain_for(|_| None)
        }),
        ("max_age", |b| b.max_age(Duration::ZERO)),
        ("prefix", |b| b.prefix("a b")),
        ("prefix", |b| b.prefix("a;b")),
        ("prefix", |b| b.prefix("ä")),
        ("prefix", |b| b.prefix("p".repeat(165))),
    ];
    for (option, change) in refused {
        let error: InvalidOption = change(builder()).build().unwrap_err();
        assert_eq!(error.option(), *option);
        assert!(error.to_string().contains(option), "{error}");
    }
    assert!(
        builder()
            .prefix("p".repeat(164))
            .domain(".a.test")
            .build()
            .is_ok()
    );
}

#[test]
fn a_session_in_its_cookie_has_no_id() {
    let refused = |change: fn(SessionLayerBuilder) -> SessionLayerBuilder| {
        change(SessionLayer::cookie(keys()))
            .build()
            .unwrap_err()
            .option()
    };
    assert_eq!(refused(|b| b.prefix("p:")), "prefix");
    assert_eq!(
        refused(|b| b.genid(|_| async { Ok("id".to_owned()) })),
        "genid"
    );
    assert_eq!(refused(|b| b.external_key(InHeader)), "external_key");
}

#[test]
fn keys_that_are_missing_or_too_short_for_the_form_are_refused() {
    let short = || Keys::keygrip(["short"]).unwrap();
    let option = |builder: SessionLayerBuilder| builder.build().unwrap_err().option();
    assert_eq!(option(SessionLayer::cookie(short())), "keys");
    assert_eq!(option(SessionLayer::cookie(Keys::none())), "keys");
    assert_eq!(
        option(SessionLayer::cookie(Keys::none()).profile(Profile::Egg)),
        "keys"
    );
    assert!(
        SessionLayer::cookie(short())
            .profile(Profile::Egg)
            .build()
            .is_ok()
    );
    assert!(Keys::keygrip(["a", ""]).is_err());
    assert!(Keys::keygrip::<&str>([]).is_err());
    let error = Keys::keygrip([""]).unwrap_err();
    assert_eq!(error.to_string(), "a session secret cannot be empty");
}

#[tokio::test]
async fn an_id_that_is_none_fails_the_write() {
    let ids = ["", "two words", "a;b", "é"];
    for id in ids {
        let store = Probe::new();
        let layer = atomic(&store).genid(move |_| async move { Ok(id.to_owned()) });
        let reply = Client::new(&app(layer)).get("/insert/a/1").await;
        assert_eq!(reply.status.as_u16(), 500, "{id:?}");
        assert!(store.calls().is_empty() && reply.set_cookies().is_empty());
    }
}

#[tokio::test]
async fn an_id_that_is_taken_is_never_shared() {
    let store = Probe::new();
    let layer = app(atomic(&store).genid(|_| async { Ok("always-the-same".to_owned()) }));
    assert!(
        Client::new(&layer)
            .get("/insert/a/1")
            .await
            .status
            .is_success()
    );
    let reply = Client::new(&layer).get("/insert/a/2").await;
    assert_eq!(reply.status.as_u16(), 503);
    assert_eq!(store.only().await["a"], "1");
}

#[test]
fn secrets_are_long_enough_and_not_shown() {
    assert!(Keys::new([1; 31]).is_err());
    assert!(Keys::rotated::<[u8; 32]>([]).is_err());
    let error = Keys::rotated([&[1_u8; 32][..], b"short"]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "a session secret has at least 32 bytes, but number 2 has 5"
    );
    let secret = "sesame".repeat(6);
    let keys = Keys::new(&secret).unwrap();
    let builder = SessionLayer::new(Probe::new(), keys.clone());
    let layer = builder.clone().build().unwrap();
    for shown in [
        format!("{keys:?}"),
        format!("{builder:?}"),
        format!("{layer:?}"),
    ] {
        assert!(
            !shown.contains("sesame") && !shown.contains("115"),
            "{shown}"
        );
    }
}
