//! A message that the next page shows, once.

use std::error::Error;

use axum::Router;
use axum::response::Redirect;
use axum::routing::{get, post};
use session_layer::{Keys, Result, SameSite, Session, SessionLayer};
use session_store_memory::MemoryStore;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let sessions = SessionLayer::atomic(MemoryStore::new(), Keys::generate()?)
        .same_site(SameSite::Lax)
        .build()?;
    let app = Router::new()
        .route("/", get(page))
        .route("/order", post(order))
        .layer(sessions);
    Ok(sessions::serve(app).await?)
}

async fn order(session: Session) -> Result<Redirect> {
    flash(&session, "Your order is on its way.").await?;
    Ok(Redirect::to("/"))
}

async fn page(session: Session) -> Result<String> {
    let messages = flashed(&session).await?;
    Ok(messages.join("\n"))
}

async fn flash(session: &Session, message: &str) -> Result<()> {
    let mut messages: Vec<String> = session.get("flash").await?.unwrap_or_default();
    messages.push(message.to_owned());
    session.insert("flash", messages).await
}

/// The messages since the last page. A page without any writes nothing.
async fn flashed(session: &Session) -> Result<Vec<String>> {
    let messages = session.get("flash").await?.unwrap_or_default();
    session.remove("flash").await?;
    Ok(messages)
}
