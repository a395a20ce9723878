//! An application that does with its session what the path says.

use std::time::Duration;

use axum::Router;
use axum::extract::Path;
use axum::routing::get;
use http::StatusCode;
use serde_json::Value;
use session_layer::{Keys, Result, Session, SessionLayer, SessionLayerBuilder};

use crate::client::Client;
use crate::probe::Probe;

pub(crate) fn keys() -> Keys {
    Keys::new([7; 32]).unwrap()
}

/// An atomic layer with readable ids.
pub(crate) fn atomic(store: &Probe) -> SessionLayerBuilder {
    SessionLayer::atomic(store.clone(), keys()).encrypt(false)
}

/// A plain layer with readable ids.
pub(crate) fn plain(store: &Probe) -> SessionLayerBuilder {
    SessionLayer::new(store.clone(), keys()).encrypt(false)
}

pub(crate) fn app(builder: SessionLayerBuilder) -> Router {
    routes().layer(builder.build().unwrap())
}

/// A client of a new application over `store`, in atomic mode.
pub(crate) fn client(store: &Probe) -> Client {
    Client::new(&app(atomic(store)))
}

pub(crate) fn routes() -> Router {
    Router::new()
        .route("/idle", get(|_: Session| async { "idle" }))
        .route("/get/{name}", get(read))
        .route("/insert/{name}/{value}", get(insert))
        .route("/fail/{name}/{value}", get(insert_and_fail))
        .route("/count", get(count))
        .route("/remove/{name}", get(remove))
        .route("/clear", get(clear))
        .route("/len", get(len))
        .route("/is_new", get(is_new))
        .route("/expires_in", get(expires_in))
        .route("/max_age/{millis}", get(max_age))
        .route("/life", get(life))
        .route("/values", get(values))
        .route("/replace/{json}", get(replace))
        .route("/key", get(key))
        .route("/save", get(save))
        .route("/commit", get(commit))
        .route("/login/{name}", get(login))
        .route("/regenerate", get(regenerate))
        .route("/destroy", get(destroy))
        .route("/anew/{name}", get(anew))
}

async fn read(session: Session, Path(name): Path<String>) -> Result<String> {
    Ok(session.get(&name).await?.unwrap_or_else(|| "-".to_owned()))
}

async fn insert(session: Session, Path((name, value)): Path<(String, String)>) -> Result<()> {
    session.insert(&name, value).await
}

async fn insert_and_fail(session: Session, path: Path<(String, String)>) -> Result<StatusCode> {
    insert(session, path).await?;
    Ok(StatusCode::IM_A_TEAPOT)
}

async fn count(session: Session) -> Result<String> {
    let count = session.get("count").await?.unwrap_or(0) + 1;
    session.insert("count", count).await?;
    Ok(count.to_string())
}

async fn remove(session: Session, Path(name): Path<String>) -> Result<String> {
    Ok(session.remove(&name).await?.to_string())
}

async fn clear(session: Session) -> Result<()> {
    session.clear().await
}

async fn len(session: Session) -> Result<String> {
    let len = session.len().await?;
    assert_eq!(session.is_empty().await?, len == 0);
    Ok(len.to_string())
}

async fn is_new(session: Session) -> Result<String> {
    Ok(session.is_new().await?.to_string())
}

async fn expires_in(session: Session) -> Result<String> {
    Ok(match session.expires_in().await? {
        Some(left) => left.as_millis().to_string(),
        None => "-".to_owned(),
    })
}

async fn max_age(session: Session, Path(millis): Path<u64>) {
    session.set_max_age(Duration::from_millis(millis));
}

async fn save(session: Session) -> Result<()> {
    session.save().await
}

async fn life(session: Session) -> Result<String> {
    Ok(format!("{:?}", session.max_age().await?))
}

/// All values, as JSON.
async fn values(session: Session) -> Result<String> {
    Ok(Value::from(session.values().await?).to_string())
}

/// Puts JSON in place of all values.
async fn replace(session: Session, Path(json): Path<String>) -> Result<()> {
    let values: Value = serde_json::from_str(&json).unwrap();
    session.replace(values).await
}

async fn key(session: Session) -> Result<String> {
    let key = session.external_key().await?;
    Ok(key.map_or_else(|| "-".to_owned(), |key| key.as_str().to_owned()))
}

async fn commit(session: Session) -> Result<()> {
    session.commit().await
}

async fn login(session: Session, Path(name): Path<String>) -> Result<()> {
    session.insert("user", name).await?;
    session.regenerate();
    Ok(())
}

async fn regenerate(session: Session) {
    session.regenerate();
}

async fn destroy(session: Session) {
    session.destroy();
}

async fn anew(session: Session, Path(name): Path<String>) -> Result<()> {
    session.destroy();
    session.insert("user", name).await
}
