//! What the programs in `src/bin` share: a server.

use std::io::{self, Write};

use axum::Router;
use tokio::net::TcpListener;

/// Serves `app` where [`listen`] does, until the process ends.
///
/// # Errors
///
/// As [`listen`].
pub async fn serve(app: Router) -> io::Result<()> {
    axum::serve(listen().await?, app).await
}

/// Listens on the address in the program's first argument, or on port 3000 of this machine, and says so.
///
/// # Errors
///
/// If the address is none or is taken.
pub async fn listen() -> io::Result<TcpListener> {
    let address = std::env::args().nth(1);
    let address = address.as_deref().unwrap_or("127.0.0.1:3000");
    let listener = TcpListener::bind(address).await?;
    writeln!(io::stdout(), "http://{}", listener.local_addr()?)?;
    Ok(listener)
}
