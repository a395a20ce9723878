//! Counts visits: `SESSION_STORE_URL=redis://localhost cargo run -p session-store-for-poem --example app`

use std::env;
use std::error::Error;

use poem::listener::TcpListener;
use poem::session::{CookieConfig, ServerSession, Session};
use poem::{EndpointExt, Route, Server, get, handler, post};
use session_store_for_poem::PoemSessionStore;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let url = env::var("SESSION_STORE_URL").unwrap_or_else(|_| "memory:".to_owned());
    let store = PoemSessionStore::new(session_store::connect(&url).await?);
    let cookie = CookieConfig::default().secure(false); // no TLS here
    let app = Route::new()
        .at("/", get(visit))
        .at("/logout", post(logout))
        .with(ServerSession::new(cookie, store));
    println!("http://127.0.0.1:3000");
    let server = Server::new(TcpListener::bind("127.0.0.1:3000"));
    Ok(server.run(app).await?)
}

#[handler]
fn visit(session: &Session) -> String {
    let visits = session.get::<u32>("visits").unwrap_or(0) + 1;
    session.set("visits", visits);
    format!("visit {visits}\n")
}

#[handler]
fn logout(session: &Session) {
    session.purge();
}
