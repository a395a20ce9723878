//! Counts visits, under a new id after a login, and forgets them at a logout.
//!
//! ```console
//! $ SESSION_STORE_URL=redis://localhost cargo run -p session-store-for-axum-session --example axum-session-app
//! $ curl -c jar -b jar http://127.0.0.1:3000
//! visit 1
//! $ curl -c jar -b jar -X POST http://127.0.0.1:3000/login
//! $ curl -c jar -b jar -X POST http://127.0.0.1:3000/logout
//! ```
//!
//! Without a URL the sessions are in memory.

use std::env;
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use axum::routing::{get, post};
use axum::{Router, serve};
use axum_session::{Key, SessionConfig, SessionLayer, SessionStore};
use session_store_api::AtomicSessionStore;
use session_store_for_axum_session::AxumSessionPool;
use tokio::net::TcpListener;

type Session = axum_session::Session<AxumSessionPool<Arc<dyn AtomicSessionStore>>>;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let url = env::var("SESSION_STORE_URL").unwrap_or_else(|_| "memory:".to_owned());
    let pool = AxumSessionPool::new(session_store::connect(&url).await?);
    let config = SessionConfig::default()
        .with_key(Key::generate()) // keep one instead, or a restart logs everybody out
        .with_memory_lifetime(Duration::ZERO.try_into()?)
        .with_clear_check_on_load(false);
    let sessions = SessionStore::new(Some(pool), config).await?;
    let app = Router::new()
        .route("/", get(visit))
        .route("/login", post(login))
        .route("/logout", post(logout))
        .layer(SessionLayer::new(sessions));
    let listener = TcpListener::bind("127.0.0.1:3000").await?;
    println!("http://{}", listener.local_addr()?);
    Ok(serve(listener, app).await?)
}

async fn visit(session: Session) -> String {
    let visits = session.get::<u32>("visits").unwrap_or(0) + 1;
    session.set("visits", visits);
    format!("visit {visits}\n")
}

async fn login(session: Session) {
    session.renew();
}

async fn logout(session: Session) {
    session.destroy();
}
