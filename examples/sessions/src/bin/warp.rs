//! A framework that is not axum, by way of tower: warp's filters find the session in the request's
//! extensions.

use std::error::Error;

use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use session_layer::{Keys, Result, SameSite, Session, SessionLayer};
use session_store_memory::MemoryStore;
use tower::Layer;
use warp::{Filter, Reply};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let sessions = SessionLayer::atomic(MemoryStore::new(), Keys::generate()?)
        .same_site(SameSite::Lax)
        .build()?;
    let routes = warp::path::end()
        .and(warp::ext::get::<Session>())
        .then(visit);
    let service = sessions.layer(warp::service(routes));
    let service = TowerToHyperService::new(service);
    let listener = sessions::listen().await?;
    loop {
        let (stream, _) = listener.accept().await?;
        let connection =
            http1::Builder::new().serve_connection(TokioIo::new(stream), service.clone());
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                eprintln!("connection closed: {error}");
            }
        });
    }
}

async fn visit(session: Session) -> warp::reply::Response {
    match count(&session).await {
        Ok(visits) => format!("visit number {visits}").into_response(),
        Err(error) => error.status().into_response(),
    }
}

async fn count(session: &Session) -> Result<u32> {
    let visits = session.get("visits").await?.unwrap_or(0) + 1;
    session.insert("visits", visits).await?;
    Ok(visits)
}
