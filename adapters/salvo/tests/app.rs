//! salvo over our stores.
#![allow(clippy::unwrap_used, reason = "a test panics on the unexpected")]

use std::net::SocketAddr;
use std::process::ExitCode;

use http_suite::Site;
use salvo::http::StatusCode;
use salvo::prelude::*;
use salvo::session::{SessionDepotExt, SessionHandler};
use session_store_for_salvo::SalvoSessionStore;

fn main() -> ExitCode {
    http_suite::main("salvo 1.1", start)
}

async fn start(site: Site) -> SocketAddr {
    let store = SalvoSessionStore::new(site.store());
    let sessions = SessionHandler::builder(store, &site.secret())
        .session_ttl(Some(site.max_age()))
        .build()
        .unwrap();
    let router = Router::new()
        .hoop(affix_state::inject(site))
        .hoop(sessions)
        .push(Router::with_path("values/{name}").get(read).put(write))
        .push(Router::with_path("slowly/{name}").put(write_slowly))
        .push(Router::with_path("login").post(login))
        .push(Router::with_path("logout").post(logout));
    let acceptor = TcpListener::new("127.0.0.1:0").bind().await;
    let address = acceptor.inner().local_addr().unwrap();
    tokio::spawn(async move { Server::new(acceptor).serve(router).await });
    address
}

#[handler]
async fn read(request: &mut Request, depot: &mut Depot, response: &mut Response) {
    let name: String = request.param("name").unwrap();
    match depot.session().unwrap().get::<String>(&name) {
        Some(value) => response.render(value),
        None => {
            response.status_code(StatusCode::NOT_FOUND);
        }
    }
}

#[handler]
async fn write(request: &mut Request, depot: &mut Depot) {
    keep(request, depot).await;
}

#[handler]
async fn write_slowly(request: &mut Request, depot: &mut Depot) {
    let site = depot.get_typed::<Site>().unwrap().clone();
    site.gate().pass().await;
    keep(request, depot).await;
}

async fn keep(request: &mut Request, depot: &mut Depot) {
    let name: String = request.param("name").unwrap();
    let body = request.payload_with_max_size(4 << 20).await.unwrap();
    let value = String::from_utf8(body.to_vec()).unwrap();
    depot.session_mut().unwrap().insert(&name, value).unwrap();
}

#[handler]
async fn login(depot: &mut Depot) {
    depot.session_mut().unwrap().regenerate();
}

#[handler]
async fn logout(depot: &mut Depot) {
    depot.session_mut().unwrap().destroy();
}
