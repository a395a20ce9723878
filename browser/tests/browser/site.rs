//! Sites for what the quickstart does not show.

use axum::Router;
use axum::response::Html;
use axum::routing::{any, get};
use session_layer::{Keys, Result, Session, SessionLayer, SessionLayerBuilder};
use session_store_memory::MemoryStore;
use tokio::net::TcpListener;

/// A layer with its sessions in memory.
pub(crate) fn sessions() -> SessionLayerBuilder {
    SessionLayer::atomic(MemoryStore::new(), Keys::generate().unwrap())
}

/// Serves a site that counts visits at `/`, and shows at `/look`, whatever the method, how many there were
/// without a visit of its own. Answers its port.
pub(crate) async fn visits(sessions: SessionLayerBuilder) -> u16 {
    let routes = Router::new()
        .route("/", get(visit))
        .route("/look", any(look));
    serve(routes.layer(sessions.build().unwrap())).await
}

/// Serves a site of one page. Answers its port.
pub(crate) async fn page(html: String) -> u16 {
    serve(Router::new().route("/", get(Html(html)))).await
}

/// Serves `app` as long as the tests run, and answers its port.
pub(crate) async fn serve(app: Router) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move { axum::serve(listener, app).await });
    port
}

async fn visit(session: Session) -> Result<Html<String>> {
    let visits = session.get("visits").await?.unwrap_or(0) + 1;
    session.insert("visits", visits).await?;
    Ok(shown(visits))
}

async fn look(session: Session) -> Result<Html<String>> {
    Ok(shown(session.get("visits").await?.unwrap_or(0)))
}

fn shown(visits: u64) -> Html<String> {
    Html(format!(
        "<!doctype html><title>Visits</title><p>Visits: <b id=visits>{visits}</b></p>"
    ))
}
