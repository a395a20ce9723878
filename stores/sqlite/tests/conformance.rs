//! The suite against SQLite: a file, memory, and a pool of one connection made by the caller.
#![allow(clippy::unwrap_used, reason = "a test panics on the unexpected")]

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use session_store_api::async_trait;
use session_store_conformance::{BoxError, Control, Facts, Fault, Setup, Suite};
use session_store_sqlite::SqliteStore;
use session_store_sqlite::sqlx::{Connection, SqliteConnection, query};
use tempfile::TempDir;
use tokio::sync::Mutex;

fn main() -> ExitCode {
    let folder = Arc::new(tempfile::tempdir().unwrap());
    session_store_conformance::main([file(&folder), memory()])
}

/// A file, and power over it: another connection that locks it.
fn file(folder: &Arc<TempDir>) -> Suite {
    let facts = facts().durable().shared().timeout(Duration::from_secs(5));
    let (shared, broken) = (Arc::clone(folder), Arc::clone(folder));
    Suite::atomic("sqlite-file", facts, move |setup| {
        let folder = Arc::clone(&shared);
        async move { open(&folder.path().join("shared.db"), &setup, "5s").await }
    })
    .breakable(move |setup| {
        let folder = Arc::clone(&broken);
        async move {
            let file = tempfile::Builder::new()
                .suffix(".db")
                .tempfile_in(folder.path())?;
            let file = file.into_temp_path().keep()?;
            let store = open(&file, &setup, "1s").await?;
            let locker = SqliteConnection::connect(&format!("sqlite:{}", file.display())).await?;
            Ok((store, Locker(Mutex::new(locker))))
        }
    })
}

fn memory() -> Suite {
    Suite::atomic("sqlite-memory", facts(), |setup| async move {
        let store = SqliteStore::connect("sqlite::memory:?max_value=1MiB").await?;
        Ok(store.with_session_max_age(setup.session_max_age())?)
    })
}

/// The millisecond that SQLite's clock shows and the one that a life is rounded up by.
fn facts() -> Facts {
    Facts::new()
        .resolution(Duration::from_millis(2))
        .max_value(1 << 20)
        .own_clock()
}

async fn open(file: &Path, setup: &Setup, timeout: &str) -> Result<SqliteStore, BoxError> {
    let (file, table) = (file.display(), setup.namespace());
    let url = format!("sqlite:{file}?table={table}&timeout={timeout}&max_value=1MiB");
    let store = SqliteStore::connect(&url).await?;
    Ok(store.with_session_max_age(setup.session_max_age())?)
}

/// Another connection to the same file, as another process would have.
struct Locker(Mutex<SqliteConnection>);

#[async_trait]
impl Control for Locker {
    fn faults(&self) -> &[Fault] {
        &[Fault::Hung]
    }

    async fn cause(&self, _: Fault) -> Result<(), BoxError> {
        let mut locker = self.0.lock().await;
        query("BEGIN IMMEDIATE").execute(&mut *locker).await?;
        Ok(())
    }

    async fn heal(&self) -> Result<(), BoxError> {
        let mut locker = self.0.lock().await;
        query("ROLLBACK").execute(&mut *locker).await?;
        Ok(())
    }
}
