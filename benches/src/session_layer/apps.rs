//! One application, with one kind of session or another.

use std::error::Error;

use axum::Router;
use axum::extract::Path;
use axum::routing::get;
use http::StatusCode;
use session_layer::{Keys, Session, SessionLayer, SessionLayerBuilder};
use session_store_api::{AtomicSessionStore, SessionStore};
use session_store_for_tower_sessions::TowerSessionsStore;
use tower::layer::util::Identity;
use tower_sessions::SessionManagerLayer;
use tower_sessions::session::Error as TheirError;

use crate::load::VALUE;
use crate::session_layer::pages::{AROUND, IDLE, VALUES};

/// Where a value is put into the session.
const INSERT: &str = "/insert/value/{value}";

/// Without sessions.
pub fn alone() -> Router {
    Router::new().route(IDLE, get(idle))
}

/// Without sessions, in the box that axum puts around whatever has a layer.
pub fn with_empty_layer() -> Router {
    alone().layer(Identity::new())
}

/// With ours, which promises that no update is lost.
pub fn with_layer(store: impl AtomicSessionStore + 'static) -> Result<Router, Box<dyn Error>> {
    with(SessionLayer::atomic(store, Keys::generate()?))
}

/// With ours as the others are: the last write wins.
pub fn with_plain_layer(store: impl SessionStore + 'static) -> Result<Router, Box<dyn Error>> {
    with(SessionLayer::new(store, Keys::generate()?))
}

fn with(layer: SessionLayerBuilder) -> Result<Router, Box<dyn Error>> {
    async fn values(session: Session) -> session_layer::Result<String> {
        let value: Option<String> = session.get("value").await?;
        Ok(json(&value.unwrap_or_default()))
    }

    async fn insert(session: Session, Path(value): Path<String>) -> session_layer::Result<()> {
        session.insert("value", value).await
    }

    let pages = alone().route(VALUES, get(values));
    Ok(pages.route(INSERT, get(insert)).layer(layer.build()?))
}

/// With tower-sessions, on a store of ours.
pub fn with_tower_sessions(store: impl AtomicSessionStore + Clone + 'static) -> Router {
    async fn values(session: tower_sessions::Session) -> Result<String, StatusCode> {
        let value: Option<String> = session.get("value").await.map_err(status)?;
        Ok(json(&value.unwrap_or_default()))
    }

    async fn insert(
        session: tower_sessions::Session,
        Path(value): Path<String>,
    ) -> Result<(), StatusCode> {
        session.insert("value", value).await.map_err(status)
    }

    fn status(_: TheirError) -> StatusCode {
        StatusCode::INTERNAL_SERVER_ERROR
    }

    let layer = SessionManagerLayer::new(TowerSessionsStore::new(store));
    let pages = alone().route(VALUES, get(values));
    pages.route(INSERT, get(insert)).layer(layer)
}

/// As much as the other pages answer.
async fn idle() -> String {
    "-".repeat(AROUND + VALUE)
}

fn json(value: &str) -> String {
    format!(r#"{{"value":"{value}"}}"#)
}
