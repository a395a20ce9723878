//! A small web app whose sessions survive a restart.
//!
//! `cargo run -p quickstart`, then open <http://127.0.0.1:3000>. `--help` lists what can be changed.

mod args;
mod handlers;
mod origin;
mod page;
mod secret;

use std::error::Error;
use std::future::Future;
use std::io::{self, Write};
use std::process::ExitCode;

use axum::middleware::from_fn;
use clap::Parser;
use session_layer::{SameSite, SessionLayer};
use tokio::net::TcpListener;

use crate::args::Args;
use crate::handlers::App;

#[tokio::main]
async fn main() -> ExitCode {
    match serve(Args::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let mut said = error.to_string();
            eprintln!("quickstart: {said}");
            let mut cause = error.source();
            while let Some(error) = cause {
                let reason = error.to_string();
                if reason != said {
                    eprintln!("  because: {reason}");
                }
                said = reason;
                cause = error.source();
            }
            ExitCode::FAILURE
        }
    }
}

async fn serve(args: Args) -> Result<(), Box<dyn Error>> {
    // What the session layer has to say, for instance why it answered 503.
    tracing_subscriber::fmt()
        .with_writer(io::stderr)
        .with_max_level(tracing_subscriber::filter::LevelFilter::INFO)
        .init();
    let keys = secret::keys(args.secret.as_deref(), &args.key_file)?;
    let store = session_store::connect(&args.store).await.inspect_err(|_| {
        eprintln!("quickstart: cannot open the store that --store or SESSION_STORE_URL names");
    })?;
    let sessions = SessionLayer::atomic(store, keys)
        .max_age(args.max_age)
        .log_value(false) // what a session holds is not for the log
        .same_site(SameSite::Lax) // forms that other sites send come without the session
        .build()?;

    // Everything before the first colon; what follows may hold a password.
    let kind = args.store.split(':').next().unwrap_or_default();
    let app = App {
        store: kind.into(),
        max_age: args.max_age,
    };
    let app = handlers::routes(app)
        .layer(sessions)
        .layer(from_fn(origin::refuse_others));

    let address = args.address();
    let listener = TcpListener::bind(address)
        .await
        .map_err(|error| format!("--listen {address}: {error}"))?;
    let stop = stop_signal()?;
    let address = listener.local_addr()?;
    writeln!(
        io::stdout(),
        "quickstart: http://{address} with sessions in {kind}"
    )?;

    axum::serve(listener, app)
        .with_graceful_shutdown(stop)
        .await?;
    Ok(())
}

/// Ends when the process is asked to: by Ctrl-C or, on Unix, by SIGTERM. Listens from now on.
#[cfg(unix)]
fn stop_signal() -> io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};

    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

#[cfg(windows)]
fn stop_signal() -> io::Result<impl Future<Output = ()>> {
    let mut interrupt = tokio::signal::windows::ctrl_c()?;
    Ok(async move {
        interrupt.recv().await;
    })
}
