//! tower and hyper, no framework: the session is in the request's extensions.

use std::error::Error;

use http::{Request, Response};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use session_layer::{Keys, SameSite, Session, SessionLayer};
use session_store_memory::MemoryStore;
use tower::{Layer, service_fn};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let sessions = SessionLayer::atomic(MemoryStore::new(), Keys::generate()?)
        .same_site(SameSite::Lax)
        .build()?;
    let service = TowerToHyperService::new(sessions.layer(service_fn(visit)));
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

/// The layer answers 503 by itself if it cannot write; what cannot be read is up to us.
async fn visit(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, hyper::Error> {
    let response = match count(&request).await {
        Ok(visits) => Response::new(format!("visit number {visits}").into()),
        Err(error) => {
            eprintln!("{error}");
            let mut response = Response::default();
            *response.status_mut() = error.status();
            response
        }
    };
    Ok(response)
}

async fn count(request: &Request<Incoming>) -> session_layer::Result<u32> {
    let Some(session) = request.extensions().get::<Session>() else {
        return Ok(0); // no layer around us
    };
    let visits = session.get("visits").await?.unwrap_or(0) + 1;
    session.insert("visits", visits).await?;
    Ok(visits)
}
