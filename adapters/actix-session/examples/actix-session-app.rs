//! Counts visits, under a new id after a login, and forgets them at a logout.
//!
//! ```console
//! $ SESSION_STORE_URL=redis://localhost cargo run -p session-store-for-actix-session --example actix-session-app
//! $ curl -c jar -b jar http://127.0.0.1:3000
//! visit 1
//! $ curl -c jar -b jar -X POST http://127.0.0.1:3000/login
//! $ curl -c jar -b jar -X POST http://127.0.0.1:3000/logout
//! ```
//!
//! Without a URL the sessions are in memory.
#![allow(
    clippy::future_not_send,
    reason = "a request of actix stays on its thread"
)]

use std::env;
use std::error::Error;

use actix_session::{Session, SessionMiddleware};
use actix_web::cookie::Key;
use actix_web::{App, HttpResponse, HttpServer, Result, get, post};
use session_store_for_actix_session::ActixSessionStore;

#[actix_web::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let url = env::var("SESSION_STORE_URL").unwrap_or_else(|_| "memory:".to_owned());
    let store = ActixSessionStore::new(session_store::connect(&url).await?);
    let secret = Key::generate(); // keep one instead, or a restart logs everybody out
    let server = HttpServer::new(move || {
        let sessions = SessionMiddleware::builder(store.clone(), secret.clone())
            .cookie_secure(false) // no TLS here
            .build();
        App::new()
            .service(visit)
            .service(login)
            .service(logout)
            .wrap(sessions)
    });
    let server = server.bind("127.0.0.1:3000")?;
    println!("http://127.0.0.1:3000");
    Ok(server.run().await?)
}

#[get("/")]
async fn visit(session: Session) -> Result<String> {
    let visits = session.get::<u32>("visits")?.unwrap_or(0) + 1;
    session.insert("visits", visits)?;
    Ok(format!("visit {visits}\n"))
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
