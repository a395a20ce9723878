//! Sessions in Redis: as many processes as you like serve them, and none is lost when one restarts.
//!
//! `redis ADDRESS URL`, with `redis://127.0.0.1:6379` if no URL is given. `SESSION_SECRET` must be the same in
//! every process; without it each makes one up.

use std::env;
use std::error::Error;
use std::time::Duration;

use axum::Router;
use axum::routing::{get, post};
use session_layer::{Keys, Result, SameSite, Session, SessionLayer};
use session_store_redis::RedisStore;

const WEEK: Duration = Duration::from_secs(7 * 24 * 60 * 60);

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let url = env::args().nth(2);
    let url = url.as_deref().unwrap_or("redis://127.0.0.1:6379");
    // Two requests of one visitor at once, to two processes, lose nothing of one another.
    let store = RedisStore::connect(url).await?;
    let keys = match env::var("SESSION_SECRET") {
        Ok(secret) => Keys::new(secret)?,
        Err(_) => Keys::generate()?,
    };
    let sessions = SessionLayer::atomic(store, keys)
        .max_age(WEEK)
        .renew(true)
        .same_site(SameSite::Lax)
        .build()?;
    let app = Router::new()
        .route("/", get(visit))
        .route("/logout", post(logout))
        .layer(sessions);
    Ok(sessions::serve(app).await?)
}

async fn visit(session: Session) -> Result<String> {
    let visits = session.get("visits").await?.unwrap_or(0) + 1;
    session.insert("visits", visits).await?;
    Ok(format!("visit number {visits}"))
}

async fn logout(session: Session) {
    session.destroy();
}
