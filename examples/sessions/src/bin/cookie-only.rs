//! No store: the session lives in its cookie, encrypted. For small sessions that nobody has to end from
//! the server's side.

use std::error::Error;

use axum::Router;
use axum::routing::get;
use session_layer::{Keys, Result, SameSite, Session, SessionLayer};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let keys = Keys::generate()?; // Keys::new(secret)? where sessions outlive the process
    let sessions = SessionLayer::cookie(keys)
        .same_site(SameSite::Lax)
        .build()?;
    let app = Router::new().route("/", get(visit)).layer(sessions);
    Ok(sessions::serve(app).await?)
}

async fn visit(session: Session) -> Result<String> {
    let visits = session.get("visits").await?.unwrap_or(0) + 1;
    session.insert("visits", visits).await?;
    Ok(format!("visit number {visits}"))
}
