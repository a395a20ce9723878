//! What every option does to `Set-Cookie`, and which are refused.

use std::time::Duration;

use axum::body::Body;
use http::{Request, Uri};
use session_layer::{InvalidOption, Keys, MaxAge, SameSite, SessionLayer, SessionLayerBuilder};

use crate::app::{app, atomic, keys};
use crate::client::{Client, Reply, send};
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
    assert_eq!(attributes, ["HttpOnly", "Path=/", "Max-Age=86400"]);
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
        ["HttpOnly", "SameSite=Strict", "Path=/", "Max-Age=86400"]
    );
    let lax = attributes(builder().same_site(SameSite::Lax)).await;
    assert_eq!(lax, ["HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=86400"]);
    let none = attributes(builder().same_site(SameSite::None).secure(true)).await;
    assert_eq!(
        none,
        [
            "HttpOnly",
            "SameSite=None",
            "Secure",
            "Path=/",
            "Max-Age=86400"
        ]
    );
    let placed = attributes(builder().path("/app").domain("example.org")).await;
    assert_eq!(
        placed,
        [
            "HttpOnly",
            "Path=/app",
            "Domain=example.org",
            "Max-Age=86400"
        ]
    );
    let host = attributes(builder().key("__Host-sid").secure(true)).await;
    assert_eq!(host, ["HttpOnly", "Secure", "Path=/", "Max-Age=86400"]);
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
        assert_eq!(attributes[2], format!("Max-Age={seconds}"));
    }
    let session = attributes(builder().max_age(MaxAge::Session)).await;
    assert_eq!(session, ["HttpOnly", "Path=/"]);
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
            "HttpOnly",
            "Secure",
            "Path=/app",
            "Domain=example.org",
            "Max-Age=0",
            epoch
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
        ("secure", |b| b.same_site(SameSite::None)),
        ("secure", |b| b.same_site(SameSite::None).secure(false)),
        ("max_age", |b| b.max_age(Duration::ZERO)),
        ("prefix", |b| b.prefix("a b")),
        ("prefix", |b| b.prefix("a;b")),
        ("prefix", |b| b.prefix("ä")),
        ("prefix", |b| b.prefix("p".repeat(177))),
    ];
    for (option, change) in refused {
        let error: InvalidOption = change(builder()).build().unwrap_err();
        assert_eq!(error.option(), *option);
        assert!(error.to_string().contains(option), "{error}");
    }
    assert!(
        builder()
            .prefix("p".repeat(176))
            .domain(".a.test")
            .build()
            .is_ok()
    );
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
