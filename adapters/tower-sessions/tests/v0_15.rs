//! tower-sessions 0.15 over our stores.
#![allow(clippy::unwrap_used, reason = "a test panics on the unexpected")]

use std::net::SocketAddr;
use std::process::ExitCode;

use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::StatusCode;
use axum::routing::{get, post, put};
use axum::{Router, serve};
use http_suite::Site;
use session_store_for_tower_sessions::TowerSessionsStore;
use tokio::net::TcpListener;
use tower_sessions::{Expiry, Session, SessionManagerLayer};

fn main() -> ExitCode {
    http_suite::main("tower-sessions 0.15", start)
}

async fn start(site: Site) -> SocketAddr {
    let sessions = SessionManagerLayer::new(TowerSessionsStore::new(site.store()))
        .with_secure(false)
        .with_expiry(Expiry::OnInactivity(site.max_age().try_into().unwrap()));
    let app = Router::new()
        .route("/values/{name}", get(read).put(write))
        .route("/slowly/{name}", put(write_slowly))
        .route("/login", post(login))
        .route("/logout", post(logout))
        .layer(DefaultBodyLimit::max(4 << 20))
        .layer(sessions)
        .with_state(site);
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { serve(listener, app).await });
    address
}

type Answer<T> = Result<T, (StatusCode, String)>;

async fn read(session: Session, Path(name): Path<String>) -> Answer<String> {
    let value = session.get(&name).await.map_err(failed)?;
    value.ok_or((StatusCode::NOT_FOUND, String::new()))
}

async fn write(session: Session, Path(name): Path<String>, value: String) -> Answer<()> {
    session.insert(&name, value).await.map_err(failed)
}

async fn write_slowly(
    State(site): State<Site>,
    session: Session,
    Path(name): Path<String>,
    value: String,
) -> Answer<()> {
    session.get::<String>(&name).await.map_err(failed)?;
    site.gate().pass().await;
    session.insert(&name, value).await.map_err(failed)
}

async fn login(session: Session) -> Answer<()> {
    session.cycle_id().await.map_err(failed)
}

async fn logout(session: Session) -> Answer<()> {
    session.flush().await.map_err(failed)
}

fn failed(error: tower_sessions::session::Error) -> (StatusCode, String) {
    (StatusCode::INTERNAL_SERVER_ERROR, error.to_string())
}
