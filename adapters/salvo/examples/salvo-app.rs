//! Counts visits, under a new id after a login, and forgets them at a logout.
//!
//! ```console
//! $ SESSION_STORE_URL=redis://localhost cargo run -p session-store-for-salvo --example salvo-app
//! $ curl -c jar -b jar http://127.0.0.1:3000
//! visit 1
//! $ curl -c jar -b jar -X POST http://127.0.0.1:3000/login
//! $ curl -c jar -b jar -X POST http://127.0.0.1:3000/logout
//! ```
//!
//! Without a URL the sessions are in memory.

use std::env;
use std::error::Error;

use salvo::http::StatusError;
use salvo::prelude::*;
use salvo::session::{SessionDepotExt, SessionHandler};
use session_store_for_salvo::SalvoSessionStore;

/// Take 64 bytes of chance instead, and keep them from everybody.
const SECRET: [u8; 64] = [b'?'; 64];

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let url = env::var("SESSION_STORE_URL").unwrap_or_else(|_| "memory:".to_owned());
    let store = SalvoSessionStore::new(session_store::connect(&url).await?);
    let sessions = SessionHandler::builder(store, &SECRET).build()?;
    let router = Router::new()
        .hoop(sessions)
        .get(visit)
        .push(Router::with_path("login").post(login))
        .push(Router::with_path("logout").post(logout));
    let acceptor = TcpListener::new("127.0.0.1:3000").try_bind().await?;
    println!("http://127.0.0.1:3000");
    Server::new(acceptor).serve(router).await;
    Ok(())
}

#[handler]
async fn visit(depot: &mut Depot) -> Result<String, StatusError> {
    let session = depot.session_mut();
    let session = session.ok_or_else(StatusError::internal_server_error)?;
    let visits = session.get::<u32>("visits").unwrap_or(0) + 1;
    let kept = session.insert("visits", visits);
    kept.map_err(|_| StatusError::internal_server_error())?;
    Ok(format!("visit {visits}\n"))
}

#[handler]
async fn login(depot: &mut Depot) {
    if let Some(session) = depot.session_mut() {
        session.regenerate();
    }
}

#[handler]
async fn logout(depot: &mut Depot) {
    if let Some(session) = depot.session_mut() {
        session.destroy();
    }
}
