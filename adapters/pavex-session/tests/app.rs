//! pavex_session over our stores, on pavex's own server and with its own middleware.
//!
//! What calls them here is what pavex would generate from a blueprint, written by hand.
#![allow(clippy::unwrap_used, reason = "a test panics on the unexpected")]
#![allow(
    clippy::future_not_send,
    reason = "a request of pavex stays on its thread"
)]

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;

use http::{Request, StatusCode};
use http_suite::Site;
use hyper::body::Incoming;
use pavex::Response;
use pavex::connection::ConnectionInfo;
use pavex::cookie::config::{CryptoAlgorithm, CryptoRule};
use pavex::cookie::{
    Key, Processor, ProcessorConfig, ResponseCookies, extract_request_cookies,
    inject_response_cookies,
};
use pavex::request::RequestHead;
use pavex::request::body::{BodySizeLimit, BufferedBody, RawIncomingBody};
use pavex::server::{IncomingStream, Server, ServerConfiguration};
use pavex_session::errors::FinalizeError;
use pavex_session::{IncomingSession, Session, SessionConfig, SessionStore, finalize_session};
use session_store_for_pavex_session::PavexSessionStore;

fn main() -> ExitCode {
    http_suite::main("pavex_session 0.2", start)
}

/// What lives as long as the app.
struct App {
    site: Site,
    store: SessionStore,
    config: SessionConfig,
    processor: Processor,
}

async fn start(site: Site) -> SocketAddr {
    let mut config = SessionConfig::new();
    config.cookie.secure = false;
    config.state.ttl = site.max_age();
    let mut cookies = ProcessorConfig::default();
    cookies.crypto_rules.push(CryptoRule {
        cookie_names: vec![config.cookie.name.clone()],
        algorithm: CryptoAlgorithm::Signing,
        key: Key::try_from(site.secret().as_slice()).unwrap(),
        fallbacks: Vec::new(),
    });
    let app = App {
        store: PavexSessionStore::new(site.store()).into(),
        site,
        config,
        processor: cookies.into(),
    };
    let incoming = IncomingStream::bind(([127, 0, 0, 1], 0).into());
    let incoming = incoming.await.unwrap();
    let address = incoming.local_addr().unwrap();
    // A worker lets 15 connections wait, and drops those beyond.
    let workers = ServerConfiguration::new().set_n_workers(4);
    let server = Server::new().set_config(workers).listen(incoming);
    // Dropping the handle leaves the server running.
    drop(server.serve(answer, Arc::new(app)));
    address
}

async fn answer(
    request: Request<Incoming>,
    _connection: Option<ConnectionInfo>,
    app: Arc<App>,
) -> Response {
    let (parts, body) = request.into_parts();
    let head = RequestHead::from(parts);
    let cookies = extract_request_cookies(&head, &app.processor).unwrap();
    let incoming = IncomingSession::extract(&cookies, &app.config.cookie);
    let mut session = Session::new(&app.store, &app.config, incoming);
    let body = BufferedBody::extract(&head, RawIncomingBody::from(body), BodySizeLimit::Disabled);
    let value = String::from_utf8(body.await.unwrap().bytes.to_vec()).unwrap();
    let response = route(&app, &head, &mut session, value).await;
    let response = response.unwrap_or_else(|_| Response::internal_server_error());
    let finished = finish(response, session, &app.processor).await;
    finished.unwrap_or_else(|_| Response::internal_server_error())
}

type Answer = Result<Response, pavex::Error>;

async fn route(app: &App, head: &RequestHead, session: &mut Session<'_>, value: String) -> Answer {
    let path = head.target.path().trim_start_matches('/');
    let (place, name) = path.split_once('/').unwrap_or((path, ""));
    match (head.method.as_str(), place) {
        ("GET", "values") => {
            let value: Option<String> = session.get(name).await.map_err(pavex::Error::new)?;
            return Ok(match value {
                Some(value) => Response::ok().set_typed_body(value),
                None => Response::new(StatusCode::NOT_FOUND),
            });
        }
        ("PUT", "values") => {
            let name = name.to_owned();
            session
                .insert(name, value)
                .await
                .map_err(pavex::Error::new)?;
        }
        ("PUT", "slowly") => {
            session.force_load().await.map_err(pavex::Error::new)?;
            app.site.gate().pass().await;
            let name = name.to_owned();
            session
                .insert(name, value)
                .await
                .map_err(pavex::Error::new)?;
        }
        ("POST", "login") => session.cycle_id(),
        ("POST", "logout") => session.invalidate(),
        _ => return Ok(Response::not_found()),
    }
    Ok(Response::ok())
}

async fn finish(
    response: Response,
    session: Session<'_>,
    processor: &Processor,
) -> Result<Response, FinalizeError> {
    let mut cookies = ResponseCookies::new();
    let response = finalize_session(response, &mut cookies, processor, session).await?;
    Ok(inject_response_cookies(response, cookies, processor).unwrap())
}
