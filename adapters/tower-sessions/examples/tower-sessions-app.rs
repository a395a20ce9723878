//! Counts visits, under a new id after a login, and forgets them at a logout.
//!
//! ```console
//! $ SESSION_STORE_URL=redis://localhost cargo run -p session-store-for-tower-sessions --example tower-sessions-app
//! $ curl -c jar -b jar http://127.0.0.1:3000
//! visit 1
//! $ curl -c jar -b jar -X POST http://127.0.0.1:3000/login
//! $ curl -c jar -b jar -X POST http://127.0.0.1:3000/logout
//! ```
//!
//! Without a URL the sessions are in memory.

use std::env;
use std::error::Error;

use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Router, serve};
use session_store_for_tower_sessions::TowerSessionsStore;
use tokio::net::TcpListener;
use tower_sessions::{Session, SessionManagerLayer};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let url = env::var("SESSION_STORE_URL").unwrap_or_else(|_| "memory:".to_owned());
    let store = session_store::connect(&url).await?;
    let sessions = SessionManagerLayer::new(TowerSessionsStore::new(store)).with_secure(false); // no TLS here
    let app = Router::new()
        .route("/", get(visit))
        .route("/login", post(login))
        .route("/logout", post(logout))
        .layer(sessions);
    let listener = TcpListener::bind("127.0.0.1:3000").await?;
    println!("http://{}", listener.local_addr()?);
    Ok(serve(listener, app).await?)
}

type Failed = (StatusCode, String);

async fn visit(session: Session) -> Result<String, Failed> {
    let visits = session.get::<u32>("visits").await.map_err(failed)?;
    let visits = visits.unwrap_or(0) + 1;
    session.insert("visits", visits).await.map_err(failed)?;
    Ok(format!("visit {visits}\n"))
}

async fn login(session: Session) -> Result<(), Failed> {
    session.cycle_id().await.map_err(failed)
}

async fn logout(session: Session) -> Result<(), Failed> {
    session.flush().await.map_err(failed)
}

fn failed(error: tower_sessions::session::Error) -> Failed {
    (StatusCode::SERVICE_UNAVAILABLE, error.to_string())
}
