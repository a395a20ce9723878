//! axum_session over our stores.
#![allow(clippy::unwrap_used, reason = "a test panics on the unexpected")]

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::StatusCode;
use axum::routing::{get, post, put};
use axum::{Router, serve};
use axum_session::{Key, SessionConfig, SessionLayer, SessionStore};
use http_suite::Site;
use session_store_api::AtomicSessionStore;
use session_store_for_axum_session::AxumSessionPool;
use tokio::net::TcpListener;

type Session = axum_session::Session<AxumSessionPool<Arc<dyn AtomicSessionStore>>>;

/// What axum_session does, whatever its store answers.
const CANNOT: &[(&str, &str)] = &[
    (
        "a_store_that_is_down_is_an_error_and_loses_nothing",
        "takes a session that cannot be read for an empty one, and saves that",
    ),
    (
        "too_large_a_session_leaves_the_old_one",
        "keeps a session that could not be saved in its memory, as it was changed",
    ),
];

fn main() -> ExitCode {
    http_suite::main_except("axum_session 0.22", CANNOT, start)
}

async fn start(site: Site) -> SocketAddr {
    let config = SessionConfig::default()
        .with_key(Key::from(&site.secret()))
        .with_lifetime(site.max_age().try_into().unwrap())
        .with_memory_lifetime(Duration::ZERO.try_into().unwrap())
        .with_clear_check_on_load(false);
    let pool = AxumSessionPool::new(site.store());
    let sessions = SessionStore::new(Some(pool), config).await.unwrap();
    let app = Router::new()
        .route("/values/{name}", get(read).put(write))
        .route("/slowly/{name}", put(write_slowly))
        .route("/login", post(login))
        .route("/logout", post(logout))
        .layer(DefaultBodyLimit::max(4 << 20))
        .layer(SessionLayer::new(sessions))
        .with_state(site);
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { serve(listener, app).await });
    address
}

async fn read(session: Session, Path(name): Path<String>) -> Result<String, StatusCode> {
    session.get(&name).ok_or(StatusCode::NOT_FOUND)
}

async fn write(session: Session, Path(name): Path<String>, value: String) {
    session.set(&name, value);
}

async fn write_slowly(
    State(site): State<Site>,
    session: Session,
    Path(name): Path<String>,
    value: String,
) {
    site.gate().pass().await;
    session.set(&name, value);
}

async fn login(session: Session) {
    session.renew();
}

async fn logout(session: Session) {
    session.destroy();
}
