//! Two sessions of one visitor: what the shop remembers for a year, and the account that ends with the
//! browser. Logging out of one leaves the other alone. Static files have neither.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::Request;
use axum::routing::{get, post};
use axum::{Extension, Router};
use session_layer::{Keys, MaxAge, Result, SameSite, Session, SessionLayer};
use session_store_memory::MemoryStore;
use tower::util::MapRequestLayer;

const YEAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// The outer session. A handler that asks for a [`Session`] gets the inner one.
#[derive(Clone)]
struct Visitor(Session);

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let store = Arc::new(MemoryStore::new());
    let keys = Keys::generate()?;
    let visitor = SessionLayer::atomic(store.clone(), keys.clone())
        .key("visitor")
        .prefix("visitor:")
        .max_age(YEAR)
        .renew(true)
        .same_site(SameSite::Lax)
        .ignore("/static")
        .build()?;
    let account = SessionLayer::atomic(store, keys)
        .key("account")
        .prefix("account:")
        .max_age(MaxAge::Session)
        .same_site(SameSite::Strict)
        .build()?;
    let keep_visitor = MapRequestLayer::new(|mut request: Request| {
        if let Some(visitor) = request.extensions().get::<Session>().cloned() {
            request.extensions_mut().insert(Visitor(visitor));
        }
        request
    });
    let app = Router::new()
        .route("/", get(home))
        .route("/login", post(login))
        .route("/logout", post(logout))
        .layer(account)
        .layer(keep_visitor)
        .route("/static/logo.txt", get(|| async { "a logo" }))
        .layer(visitor);
    Ok(sessions::serve(app).await?)
}

async fn home(account: Session, Extension(Visitor(visitor)): Extension<Visitor>) -> Result<String> {
    let visits = visitor.get("visits").await?.unwrap_or(0) + 1;
    visitor.insert("visits", visits).await?;
    let user: Option<String> = account.get("user").await?;
    let user = user.as_deref().unwrap_or("nobody");
    Ok(format!("visit number {visits} of {user}"))
}

async fn login(account: Session) -> Result<()> {
    account.regenerate();
    account.insert("user", "ada").await
}

async fn logout(account: Session) {
    account.destroy();
}
