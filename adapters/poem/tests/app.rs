//! poem over our stores.
#![allow(clippy::unwrap_used, reason = "a test panics on the unexpected")]

use std::net::SocketAddr;
use std::process::ExitCode;

use http_suite::Site;
use poem::http::StatusCode;
use poem::listener::{Acceptor, Listener, TcpListener};
use poem::session::{CookieConfig, ServerSession, Session};
use poem::web::{Data, Path};
use poem::{Endpoint, EndpointExt, Response, Route, Server, get, handler, post, put};
use session_store_for_poem::PoemSessionStore;

fn main() -> ExitCode {
    http_suite::main("poem 3", start)
}

async fn start(site: Site) -> SocketAddr {
    let cookie = CookieConfig::default()
        .secure(false)
        .max_age(Some(site.max_age()));
    let store = PoemSessionStore::new(site.store());
    let app = Route::new()
        .at("/values/:name", get(read).put(write))
        .at("/slowly/:name", put(write_slowly))
        .at("/login", post(login))
        .at("/logout", post(logout))
        .with(ServerSession::new(cookie, store))
        .data(site);
    serve(app).await
}

async fn serve(app: impl Endpoint + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0");
    let acceptor = listener.into_acceptor().await.unwrap();
    let address = *acceptor.local_addr()[0].as_socket_addr().unwrap();
    tokio::spawn(async move { Server::new_with_acceptor(acceptor).run(app).await });
    address
}

#[handler]
async fn read(session: &Session, Path(name): Path<String>) -> Response {
    match session.get::<String>(&name) {
        Some(value) => Response::builder().body(value),
        None => StatusCode::NOT_FOUND.into(),
    }
}

#[handler]
async fn write(session: &Session, Path(name): Path<String>, value: String) {
    session.set(&name, value);
}

#[handler]
async fn write_slowly(
    Data(site): Data<&Site>,
    session: &Session,
    Path(name): Path<String>,
    value: String,
) {
    site.gate().pass().await;
    session.set(&name, value);
}

#[handler]
async fn login(session: &Session) {
    session.renew();
}

#[handler]
async fn logout(session: &Session) {
    session.purge();
}
