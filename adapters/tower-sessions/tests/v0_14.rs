//! tower-sessions 0.14 over our stores, with axum-login on top of it.
#![allow(clippy::unwrap_used, reason = "a test panics on the unexpected")]

use std::convert::Infallible;
use std::net::SocketAddr;
use std::process::ExitCode;

use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::StatusCode;
use axum::routing::{get, post, put};
use axum::{Router, serve};
use axum_login::tower_sessions::{Expiry, Session, SessionManagerLayer};
use axum_login::{AuthManagerLayerBuilder, AuthUser, AuthnBackend};
use http_suite::Site;
use session_store_for_tower_sessions::TowerSessionsStore;
use tokio::net::TcpListener;

fn main() -> ExitCode {
    http_suite::main("axum-login 0.18 on tower-sessions 0.14", start)
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
        .layer(AuthManagerLayerBuilder::new(OneUser, sessions).build())
        .with_state(site);
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { serve(listener, app).await });
    address
}

/// Everybody is Ada.
#[derive(Clone, Debug)]
struct OneUser;

#[derive(Clone, Debug)]
struct Ada;

impl AuthUser for Ada {
    type Id = u32;

    fn id(&self) -> u32 {
        1815
    }

    fn session_auth_hash(&self) -> &[u8] {
        b"of her password"
    }
}

impl AuthnBackend for OneUser {
    type User = Ada;
    type Credentials = ();
    type Error = Infallible;

    async fn authenticate(&self, (): ()) -> Result<Option<Ada>, Infallible> {
        Ok(Some(Ada))
    }

    async fn get_user(&self, id: &u32) -> Result<Option<Ada>, Infallible> {
        Ok((*id == 1815).then_some(Ada))
    }
}

type AuthSession = axum_login::AuthSession<OneUser>;
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

async fn login(mut auth: AuthSession) -> Answer<()> {
    auth.login(&Ada).await.map_err(failed)?;
    assert!(auth.user.is_some());
    Ok(())
}

async fn logout(mut auth: AuthSession) -> Answer<()> {
    auth.logout().await.map_err(failed)?;
    assert!(auth.user.is_none());
    Ok(())
}

fn failed(error: impl ToString) -> (StatusCode, String) {
    (StatusCode::INTERNAL_SERVER_ERROR, error.to_string())
}
