//! Counts visits, under a new id after a login, and forgets them at a logout.
//!
//! ```console
//! $ SESSION_STORE_URL=redis://localhost cargo run -p session-store-for-poem --example poem-app
//! $ curl -c jar -b jar http://127.0.0.1:3000
//! visit 1
//! $ curl -c jar -b jar -X POST http://127.0.0.1:3000/login
//! $ curl -c jar -b jar -X POST http://127.0.0.1:3000/logout
//! ```
//!
//! Without a URL the sessions are in memory.

use std::env;
use std::error::Error;

use poem::listener::{Listener, TcpListener};
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
        .at("/login", post(login))
        .at("/logout", post(logout))
        .with(ServerSession::new(cookie, store));
    let acceptor = TcpListener::bind("127.0.0.1:3000").into_acceptor().await?;
    println!("http://127.0.0.1:3000");
    Ok(Server::new_with_acceptor(acceptor).run(app).await?)
}

#[handler]
fn visit(session: &Session) -> String {
    let visits = session.get::<u32>("visits").unwrap_or(0) + 1;
    session.set("visits", visits);
    format!("visit {visits}\n")
}

#[handler]
fn login(session: &Session) {
    session.renew();
}

#[handler]
fn logout(session: &Session) {
    session.purge();
}
