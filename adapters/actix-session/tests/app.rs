//! actix-session over our stores.
#![allow(clippy::unwrap_used, reason = "a test panics on the unexpected")]
#![allow(
    clippy::future_not_send,
    reason = "a request of actix stays on its thread"
)]

use std::net::SocketAddr;
use std::process::ExitCode;
use std::thread;

use actix_session::config::PersistentSession;
use actix_session::{Session, SessionMiddleware};
use actix_web::cookie::Key;
use actix_web::error::ErrorNotFound;
use actix_web::rt::System;
use actix_web::web::{Data, Path, PayloadConfig};
use actix_web::{App, HttpResponse, HttpServer, Result, get, post, put};
use http_suite::Site;
use session_store_for_actix_session::ActixSessionStore;
use tokio::sync::oneshot;

fn main() -> ExitCode {
    http_suite::main("actix-session 0.11", |site| async move {
        // An actix server runs on a runtime of its own.
        let (tell, address) = oneshot::channel();
        thread::spawn(move || System::new().block_on(serve(site, tell)));
        address.await.unwrap()
    })
}

async fn serve(site: Site, tell: oneshot::Sender<SocketAddr>) {
    let secret = Key::from(&site.secret());
    let server = HttpServer::new(move || {
        let life = site.max_age().try_into().unwrap();
        let store = ActixSessionStore::new(site.store());
        let sessions = SessionMiddleware::builder(store, secret.clone())
            .cookie_secure(false)
            .session_lifecycle(PersistentSession::default().session_ttl(life))
            .build();
        App::new()
            .app_data(Data::new(site.clone()))
            .app_data(PayloadConfig::new(4 << 20))
            .service(read)
            .service(write)
            .service(write_slowly)
            .service(login)
            .service(logout)
            .wrap(sessions)
    });
    let server = server.workers(1).disable_signals();
    let server = server.bind(("127.0.0.1", 0)).unwrap();
    tell.send(server.addrs()[0]).unwrap();
    server.run().await.unwrap();
}

#[get("/values/{name}")]
async fn read(session: Session, name: Path<String>) -> Result<String> {
    session.get(&name)?.ok_or_else(|| ErrorNotFound(""))
}

#[put("/values/{name}")]
async fn write(session: Session, name: Path<String>, value: String) -> Result<HttpResponse> {
    session.insert(name.as_str(), value)?;
    Ok(HttpResponse::Ok().finish())
}

#[put("/slowly/{name}")]
async fn write_slowly(
    site: Data<Site>,
    session: Session,
    name: Path<String>,
    value: String,
) -> Result<HttpResponse> {
    session.get::<String>(&name)?;
    site.gate().pass().await;
    session.insert(name.as_str(), value)?;
    Ok(HttpResponse::Ok().finish())
}

#[post("/login")]
async fn login(session: Session) -> HttpResponse {
    session.renew();
    HttpResponse::Ok().finish()
}

#[post("/logout")]
async fn logout(session: Session) -> HttpResponse {
    session.purge();
    HttpResponse::Ok().finish()
}
