//! The session's cookie beside others, other layers and other keys.

use axum::extract::Request;
use axum::response::AppendHeaders;
use axum::routing::get;
use axum::{Extension, Router};
use http::header::SET_COOKIE;
use session_layer::{Keys, Result, Session, SessionLayer};
use tower::util::MapRequestLayer;

use crate::app::{app, atomic, keys};
use crate::client::Client;
use crate::probe::Probe;

#[tokio::test]
async fn other_cookies_survive_and_our_own_is_set_once() {
    let handler = |session: Session| async move {
        session.insert("a", 1).await.unwrap();
        AppendHeaders([
            (SET_COOKIE, "theme=dark"),
            (SET_COOKIE, "EGG_SESS=forged; Path=/"),
            (SET_COOKIE, "EGG_SESS2=other"),
        ])
    };
    let router = Router::new().route("/", get(handler));
    let mut client = Client::new(&router.layer(atomic(&Probe::new()).build().unwrap()));
    let reply = client.get("/").await;
    let lines = reply.set_cookies();
    assert_eq!(lines.len(), 3, "{lines:?}");
    assert_eq!(lines[..2], ["theme=dark", "EGG_SESS2=other"]);
    assert!(lines[2].starts_with("EGG_SESS=") && !lines[2].contains("forged"));
}

#[tokio::test]
async fn cookies_that_are_not_text_do_not_hide_ours() {
    let mut client = Client::new(&app(atomic(&Probe::new())));
    client.get("/insert/a/1").await;
    let cookie = [b"x=\xFF\xFE; EGG_SESS=", client.cookie().as_bytes(), b" ;y"].concat();
    let reply = client.raw("/get/a", &cookie).await.unwrap();
    assert_eq!(reply.body, "1");
}

#[tokio::test]
async fn two_layers_each_have_their_session() {
    #[derive(Clone)]
    struct Outer(Session);

    async fn put(inner: Session, Extension(Outer(outer)): Extension<Outer>) -> Result<()> {
        outer.insert("who", "outer").await?;
        inner.insert("who", "inner").await
    }

    async fn show(inner: Session, Extension(Outer(outer)): Extension<Outer>) -> Result<String> {
        let outer: Option<String> = outer.get("who").await?;
        let inner: Option<String> = inner.get("who").await?;
        Ok(format!(
            "{} {}",
            outer.unwrap_or_default(),
            inner.unwrap_or_default()
        ))
    }

    let keep_outer = MapRequestLayer::new(|mut request: Request| {
        let outer = request.extensions().get::<Session>().unwrap().clone();
        request.extensions_mut().insert(Outer(outer));
        request
    });
    let store = Probe::new();
    let router = Router::new()
        .route("/", get(put))
        .route("/show", get(show))
        .layer(atomic(&store).key("inner").build().unwrap())
        .layer(keep_outer)
        .layer(atomic(&store).key("outer").build().unwrap());
    let mut client = Client::new(&router);
    assert_eq!(client.get("/").await.set_cookies().len(), 2);
    assert_eq!(client.get("/show").await.body, "outer inner");
    assert_eq!(store.live().await.len(), 2);

    // Swapped, neither opens: a cookie is good under its own name only.
    let (inner, outer) = (
        client.cookies["inner"].clone(),
        client.cookies["outer"].clone(),
    );
    client.cookies = [("inner".to_owned(), outer), ("outer".to_owned(), inner)].into();
    store.calls();
    assert_eq!(client.get("/show").await.body, " ");
    assert!(store.calls().is_empty());
}

#[tokio::test]
async fn keys_rotate_without_logging_anybody_out() {
    for signed in [false, true] {
        let store = Probe::new();
        let over = |secrets: &[u8]| {
            let keys = Keys::rotated(secrets.iter().map(|byte| [*byte; 32])).unwrap();
            let builder = SessionLayer::atomic(store.clone(), keys);
            app(if signed {
                builder.encrypt(false)
            } else {
                builder
            })
        };
        let mut client = Client::new(&over(&[1]));
        client.get("/insert/a/1").await;
        let first = client.cookie().to_owned();

        let mut rotated = Client::new(&over(&[2, 1]));
        rotated.set_cookie(&first);
        assert!(rotated.get("/idle").await.set_cookies().is_empty());
        store.calls();
        let reply = rotated.get("/get/a").await;
        assert_eq!(reply.body, "1");
        assert_eq!(reply.set_cookies().len(), 1, "sealed anew");
        assert_eq!(store.calls(), ["get"], "the record stays as it is");
        assert!(rotated.get("/get/a").await.set_cookies().is_empty());

        let mut retired = Client::new(&over(&[2]));
        retired.set_cookie(rotated.cookie());
        assert_eq!(retired.get("/get/a").await.body, "1");
        retired.set_cookie(first);
        assert_eq!(retired.get("/get/a").await.body, "-");
    }
}

#[tokio::test]
async fn a_resealed_cookie_does_not_outlive_its_session() {
    let store = Probe::new();
    let mut client = Client::new(&app(atomic(&store)));
    client.get("/insert/a/1").await;
    let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap();
    let mut record = store.only().await;
    record["_expire"] = u64::try_from(now.as_millis() + 600_000).unwrap().into();
    let minutes = std::time::Duration::from_secs(700);
    store.put(&client.id(), record.to_string(), minutes).await;

    let rotated = Keys::rotated([[8; 32], [7; 32]]).unwrap();
    let layer = SessionLayer::atomic(store, rotated).encrypt(false);
    let mut client = client.at(&app(layer));
    let reply = client.get("/get/a").await;
    let (_, rest) = reply.set_cookies()[0].split_once("Max-Age=").unwrap();
    let seconds = rest.split(';').next().unwrap();
    assert!(
        (1..=600).contains(&seconds.parse::<u32>().unwrap()),
        "{seconds}"
    );
}

#[tokio::test]
async fn layers_of_one_store_with_other_prefixes_or_forms_share_nothing() {
    let store = Probe::new();
    let layers = [
        SessionLayer::atomic(store.clone(), keys()),
        SessionLayer::atomic(store.clone(), keys()).prefix("a:"),
        SessionLayer::atomic(store.clone(), keys()).prefix("b:"),
        SessionLayer::atomic(store.clone(), keys()).encrypt(false),
        SessionLayer::atomic(store.clone(), keys()).key("EGG_SESS2"),
        SessionLayer::atomic(store.clone(), Keys::generate().unwrap()),
    ]
    .map(app);
    for (i, issuer) in layers.iter().enumerate() {
        let mut client = Client::new(issuer);
        client.get("/insert/a/1").await;
        let value = client.cookies.values().next().unwrap().clone();
        for (j, other) in layers.iter().enumerate() {
            let name = if j == 4 { "EGG_SESS2" } else { "EGG_SESS" };
            let mut client = Client::new(other);
            client.cookies.insert(name.to_owned(), value.clone());
            store.calls();
            let body = client.get("/get/a").await.body;
            assert_eq!(body, if i == j { "1" } else { "-" }, "{i} at {j}");
            assert_eq!(store.calls().len(), usize::from(i == j));
        }
    }
}
