//! The tests of koa-session and egg, restated. `t17` of `koa_cookie` is the 17th of koa-session's
//! `test/cookie.test.ts`; PARITY.md says which suite is which module, and what became of the numbers that are
//! not here.

mod egg_cookies;
mod egg_session;
mod koa_context_store;
mod koa_cookie;
mod koa_cookies;
mod koa_other;
mod koa_store;

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use session_layer::{Keys, SessionLayerBuilder};

pub(crate) use self::koa_other::InHeader;
use crate::app::app;
use crate::client::{Client, Reply};

/// koa's cookie.
const KOA: &str = "koa.sess";
/// egg's cookie.
const EGG: &str = "EGG_SESS";

fn keygrip() -> Keys {
    Keys::keygrip(["a", "b"]).unwrap()
}

fn client(builder: SessionLayerBuilder) -> Client {
    Client::new(&app(builder))
}

/// A client whose session holds `message`.
async fn with_session(builder: SessionLayerBuilder) -> Client {
    let mut client = client(builder);
    assert_eq!(
        client
            .get("/insert/message/hello")
            .await
            .set_cookies()
            .len(),
        2
    );
    client
}

fn is_silent(reply: &Reply) {
    assert!(reply.status.is_success(), "{}", reply.status);
    assert!(reply.set_cookies().is_empty(), "{:?}", reply.set_cookies());
}

/// The session in a readable cookie.
fn content(client: &Client, name: &str) -> Value {
    serde_json::from_slice(&STANDARD.decode(&client.cookies[name]).unwrap()).unwrap()
}

/// Waits until a session of 100 ms has expired.
async fn outlive() {
    tokio::time::sleep(Duration::from_millis(150)).await;
}
