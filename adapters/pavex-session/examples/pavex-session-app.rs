//! Counts visits, under a new id after a login, and forgets them at a logout.
//!
//! ```console
//! $ cd adapters/pavex-session # a workspace of its own
//! $ SESSION_STORE_URL=redis://localhost cargo run -p session-store-for-pavex-session --example pavex-session-app
//! $ curl -c jar -b jar http://127.0.0.1:3000
//! visit 1
//! $ curl -c jar -b jar -X POST http://127.0.0.1:3000/login
//! $ curl -c jar -b jar -X POST http://127.0.0.1:3000/logout
//! ```
//!
//! Without a URL the sessions are in memory.
//!
//! `with_session` is what pavex generates from a blueprint, in short.
#![allow(
    clippy::future_not_send,
    reason = "a request of pavex stays on its thread"
)]

use std::env;
use std::error::Error;
use std::sync::Arc;

use http::Request;
use hyper::body::Incoming;
use pavex::Response;
use pavex::connection::ConnectionInfo;
use pavex::cookie::config::{CryptoAlgorithm, CryptoRule};
use pavex::cookie::{
    Key, Processor, ProcessorConfig, ResponseCookies, extract_request_cookies,
    inject_response_cookies,
};
use pavex::request::RequestHead;
use pavex::server::Server;
use pavex_session::{IncomingSession, Session, SessionConfig, SessionStore, finalize_session};
use session_store_for_pavex_session::PavexSessionStore;

type State = Arc<(SessionStore, SessionConfig, Processor)>;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let url = env::var("SESSION_STORE_URL").unwrap_or_else(|_| "memory:".to_owned());
    let store = PavexSessionStore::new(session_store::connect(&url).await?);
    let mut config = SessionConfig::new();
    config.cookie.secure = false; // no TLS here
    let mut cookies = ProcessorConfig::default();
    cookies.crypto_rules.push(CryptoRule {
        cookie_names: vec![config.cookie.name.clone()],
        algorithm: CryptoAlgorithm::Signing,
        key: Key::generate(), // keep one instead, or a restart logs everybody out
        fallbacks: Vec::new(),
    });
    let state = State::new((store.into(), config, cookies.into()));
    let server = Server::new().bind(([127, 0, 0, 1], 3000).into()).await?;
    println!("http://127.0.0.1:3000");
    server.serve(answer, state).await;
    Ok(())
}

async fn answer(request: Request<Incoming>, _: Option<ConnectionInfo>, state: State) -> Response {
    let answered = with_session(request, &state).await;
    answered.unwrap_or_else(|_| Response::internal_server_error())
}

type Answer = Result<Response, Box<dyn Error>>;

async fn with_session(request: Request<Incoming>, state: &State) -> Answer {
    let (store, config, processor) = &**state;
    let head = RequestHead::from(request.into_parts().0);
    let cookies = extract_request_cookies(&head, processor)?;
    let incoming = IncomingSession::extract(&cookies, &config.cookie);
    let mut session = Session::new(store, config, incoming);
    let mut response = Response::ok();
    match (head.method.as_str(), head.target.path()) {
        ("GET", "/") => response = visit(&mut session).await?,
        ("POST", "/login") => session.cycle_id(),
        ("POST", "/logout") => session.invalidate(),
        _ => response = Response::not_found(),
    }
    let mut cookies = ResponseCookies::new();
    let response = finalize_session(response, &mut cookies, processor, session).await?;
    Ok(inject_response_cookies(response, cookies, processor)?)
}

async fn visit(session: &mut Session<'_>) -> Answer {
    let visits = session.get::<u32>("visits").await?.unwrap_or(0) + 1;
    session.insert("visits", visits).await?;
    Ok(Response::ok().set_typed_body(format!("visit {visits}\n")))
}
