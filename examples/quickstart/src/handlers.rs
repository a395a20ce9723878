//! What the app does: every form changes the session, then sends the browser back to the page.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Form, State};
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use serde::{Deserialize, Serialize};
use session_layer::{Result, Session};

use crate::page::Page;

/// What the handlers know besides the request.
#[derive(Clone, Debug)]
pub(crate) struct App {
    /// The kind of store, such as `sqlite`.
    pub(crate) store: Arc<str>,
    /// How long a session lives after its last visit.
    pub(crate) max_age: Duration,
}

/// The notes of one session.
#[derive(Debug, Default, Deserialize, Serialize)]
pub(crate) struct Notes {
    /// How many were ever added; the next note is called so.
    added: u64,
    pub(crate) kept: Vec<Note>,
}

#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Note {
    pub(crate) id: u64,
    pub(crate) text: String,
}

#[derive(Debug, Deserialize)]
struct NewNote {
    text: String,
}

#[derive(Debug, Deserialize)]
struct OldNote {
    id: u64,
}

#[derive(Debug, Deserialize)]
struct Login {
    name: String,
}

const MAX_NOTES: usize = 20;
const MAX_NOTE: usize = 200;
const MAX_NAME: usize = 40;

pub(crate) fn routes(app: App) -> Router {
    Router::new()
        .route("/", get(visit))
        .route("/notes", post(add_note))
        .route("/notes/remove", post(remove_note))
        .route("/login", post(login))
        .route("/logout", post(logout))
        .with_state(app)
}

async fn visit(State(app): State<App>, session: Session) -> Result<Response> {
    let visits: u64 = session.get("visits").await?.unwrap_or(0);
    session.insert("visits", visits + 1).await?;
    show(&app, &session, None).await
}

async fn add_note(
    State(app): State<App>,
    session: Session,
    Form(new): Form<NewNote>,
) -> Result<Response> {
    let text = new.text.trim();
    if text.is_empty() || text.chars().count() > MAX_NOTE {
        return show(&app, &session, Some("A note has 1 to 200 characters.")).await;
    }
    let mut notes: Notes = session.get("notes").await?.unwrap_or_default();
    if notes.kept.len() == MAX_NOTES {
        return show(
            &app,
            &session,
            Some("20 notes are enough. Remove one first."),
        )
        .await;
    }
    notes.kept.push(Note {
        id: notes.added,
        text: text.to_owned(),
    });
    notes.added += 1;
    session.insert("notes", notes).await?;
    Ok(back())
}

async fn remove_note(session: Session, Form(old): Form<OldNote>) -> Result<Response> {
    if let Some(mut notes) = session.get::<Notes>("notes").await? {
        notes.kept.retain(|note| note.id != old.id);
        session.insert("notes", notes).await?;
    }
    Ok(back())
}

/// A real app checks a password here.
async fn login(
    State(app): State<App>,
    session: Session,
    Form(login): Form<Login>,
) -> Result<Response> {
    let name = login.name.trim();
    if name.is_empty() || name.chars().count() > MAX_NAME {
        return show(&app, &session, Some("A name has 1 to 40 characters.")).await;
    }
    session.regenerate(); // whoever knew the id before does not get in
    session.insert("user", name).await?;
    Ok(back())
}

async fn logout(session: Session) -> Response {
    session.destroy();
    back()
}

/// The page; with an `alert` it says why a form was refused.
async fn show(app: &App, session: &Session, alert: Option<&str>) -> Result<Response> {
    let user: Option<String> = session.get("user").await?;
    let notes: Notes = session.get("notes").await?.unwrap_or_default();
    let remaining = match alert {
        None => app.max_age, // the visit that is being counted renews the session
        Some(_) => session.expires_in().await?.unwrap_or(app.max_age),
    };
    let page = Page {
        visits: session.get("visits").await?.unwrap_or(0),
        user: user.as_deref(),
        notes: &notes.kept,
        store: &app.store,
        remaining,
        alert,
    };
    let status = match alert {
        None => StatusCode::OK,
        Some(_) => StatusCode::UNPROCESSABLE_ENTITY,
    };
    let headers = [
        (CACHE_CONTROL, "no-store"),
        (CONTENT_SECURITY_POLICY, POLICY),
    ];
    Ok((status, headers, Html(page.to_string())).into_response())
}

/// A form is answered with a redirect, so that reloading the page does not send it again.
fn back() -> Response {
    Redirect::to("/").into_response()
}

/// The page needs its own style and icon, and sends forms to this app; nothing else may run or load.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'self'; \
    base-uri 'none'; frame-ancestors 'none'";
