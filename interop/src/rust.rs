//! The Rust side: what `node/act.mjs` does, under the same paths.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Path;
use axum::routing::get;
use serde_json::Value;
use session_layer::{MaxAge, Result, Session, SessionLayer};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

/// Where a request for `/slow` waits.
#[derive(Clone, Debug)]
pub struct Gate(Arc<(Semaphore, Semaphore)>);

impl Gate {
    /// A closed gate.
    #[must_use]
    pub fn new() -> Self {
        Self(Arc::new((Semaphore::new(0), Semaphore::new(0))))
    }

    /// Waits until a request is here.
    pub async fn reached(&self) {
        if let Ok(permit) = self.0.0.acquire().await {
            permit.forget();
        }
    }

    /// Lets one request go on.
    pub fn open(&self) {
        self.0.1.add_permits(1);
    }

    async fn pass(&self) {
        self.0.0.add_permits(1);
        if let Ok(permit) = self.0.1.acquire().await {
            permit.forget();
        }
    }
}

impl Default for Gate {
    fn default() -> Self {
        Self::new()
    }
}

/// Serves the application on a free port as long as the runtime lives, and answers the port. A request for
/// `/slow` changes its session and passes `gate` before it answers.
///
/// # Errors
///
/// If there is no port to listen on.
pub async fn serve(layer: SessionLayer, gate: Gate) -> io::Result<u16> {
    let slow = |session: Session| async move {
        session.insert("slow", "1").await?;
        gate.pass().await;
        Ok::<_, session_layer::Error>("slow")
    };
    let app = Router::new()
        .route("/idle", get(|| async { "idle" }))
        .route("/count", get(count))
        .route("/insert/{name}/{value}", get(insert))
        .route("/values", get(values))
        .route("/is_new", get(is_new))
        .route("/max_age/{life}", get(max_age))
        .route("/left", get(left))
        .route("/save", get(save))
        .route("/regenerate", get(regenerate))
        .route("/destroy", get(destroy))
        .route("/slow", get(slow))
        .layer(layer);
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let port = listener.local_addr()?.port();
    tokio::spawn(async move { axum::serve(listener, app).await });
    Ok(port)
}

async fn count(session: Session) -> Result<String> {
    let count = session.get("count").await?.unwrap_or(0) + 1;
    session.insert("count", count).await?;
    Ok(count.to_string())
}

async fn insert(session: Session, Path((name, value)): Path<(String, String)>) -> Result<()> {
    session.insert(&name, value).await
}

async fn values(session: Session) -> Result<String> {
    Ok(Value::from(session.values().await?).to_string())
}

async fn is_new(session: Session) -> Result<String> {
    Ok(session.is_new().await?.to_string())
}

async fn max_age(session: Session, Path(life): Path<String>) {
    session.set_max_age(match life.parse() {
        Ok(millis) => MaxAge::After(Duration::from_millis(millis)),
        Err(_) => MaxAge::Session,
    });
}

/// What is left of its life, in milliseconds.
async fn left(session: Session) -> Result<String> {
    let left = session.expires_in().await?;
    Ok(left.map_or("all".to_owned(), |left| left.as_millis().to_string()))
}

async fn save(session: Session) -> Result<()> {
    session.save().await
}

async fn regenerate(session: Session) {
    session.regenerate();
}

async fn destroy(session: Session) {
    session.destroy();
}
