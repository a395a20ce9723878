//! Logging in and out. The login moves the session to a new id, so who knew the old one, having planted it
//! perhaps, is not logged in with the user; the logout ends it in every browser that has it.

use std::error::Error;
use std::time::Duration;

use axum::Router;
use axum::extract::Form;
use axum::http::StatusCode;
use axum::response::Redirect;
use axum::routing::{get, post};
use serde::Deserialize;
use session_layer::{Keys, MaxAge, Result, SameSite, Session, SessionLayer};
use session_store_memory::MemoryStore;

const MONTH: Duration = Duration::from_secs(30 * 24 * 60 * 60);

#[derive(Deserialize)]
struct Login {
    name: String,
    password: String,
    #[serde(default)]
    remember_me: bool,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let sessions = SessionLayer::atomic(MemoryStore::new(), Keys::generate()?)
        .same_site(SameSite::Lax) // other sites cannot send our forms
        .max_age(MaxAge::Session) // until the browser is closed
        .build()?;
    let app = Router::new()
        .route("/", get(home))
        .route("/login", post(login))
        .route("/logout", post(logout))
        .layer(sessions);
    Ok(sessions::serve(app).await?)
}

async fn home(session: Session) -> Result<String> {
    let user: Option<String> = session.get("user").await?;
    Ok(user.map_or_else(
        || "nobody is logged in".to_owned(),
        |user| format!("hello, {user}"),
    ))
}

async fn login(
    session: Session,
    Form(login): Form<Login>,
) -> Result<Result<Redirect, (StatusCode, &'static str)>> {
    if !is_password_of(&login.name, &login.password) {
        return Ok(Err((StatusCode::UNAUTHORIZED, "no such user or password")));
    }
    session.regenerate();
    session.insert("user", login.name).await?;
    if login.remember_me {
        session.set_max_age(MONTH);
    }
    Ok(Ok(Redirect::to("/")))
}

async fn logout(session: Session) -> Redirect {
    session.destroy();
    Redirect::to("/")
}

/// A real application compares hashes.
fn is_password_of(name: &str, password: &str) -> bool {
    name == "ada" && password == "countess"
}
