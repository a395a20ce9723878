//! A WebSocket with a session.
//!
//! The response that opens the socket is the only one: what is to be in the browser has to be saved before.
//! Later changes are saved one by one, and only the store knows of them.

use std::error::Error;

use axum::Router;
use axum::extract::WebSocketUpgrade;
use axum::extract::ws::{Message, WebSocket};
use axum::response::Response;
use axum::routing::get;
use session_layer::{Keys, Result, SameSite, Session, SessionLayer};
use session_store_memory::MemoryStore;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let sessions = SessionLayer::atomic(MemoryStore::new(), Keys::generate()?)
        .same_site(SameSite::Strict) // a socket is opened by any page that may send the cookie
        .build()?;
    let app = Router::new()
        .route("/", get(count))
        .route("/socket", get(open))
        .layer(sessions);
    Ok(sessions::serve(app).await?)
}

async fn count(session: Session) -> Result<String> {
    let count: u32 = session.get("messages").await?.unwrap_or(0);
    Ok(format!("{count} messages"))
}

async fn open(session: Session, upgrade: WebSocketUpgrade) -> Result<Response> {
    session.save().await?; // also an empty one: the browser has its cookie from here on
    Ok(upgrade.on_upgrade(async |socket| {
        if let Err(error) = talk(socket, session).await {
            eprintln!("socket closed: {error}");
        }
    }))
}

async fn talk(mut socket: WebSocket, session: Session) -> Result<(), Box<dyn Error + Send + Sync>> {
    while let Some(message) = socket.recv().await {
        let Message::Text(text) = message? else {
            continue;
        };
        let count = session.get("messages").await?.unwrap_or(0) + 1;
        session.insert("messages", count).await?;
        session.save().await?; // an error if the user has logged out meanwhile
        socket.send(format!("{count}: {text}").into()).await?;
    }
    Ok(())
}
