//! From a URL to connections.

use std::path::Path;
use std::time::Duration;

use session_store_api::{Result, StoreUrl};
use session_store_sql::{Connections, Settings};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};

use crate::SqliteStore;
use crate::error::{STORE, config, error, is_fit};
use crate::schema;
use crate::store::BOUNDS;

/// How long SQLite itself waits before each try says that the database is locked.
///
/// Its own waits grow to 100 ms, and under steady load from another process the lock is free for
/// moments only: who looks so seldom never meets one. So it gives up early, and we look again soon.
const BUSY_TIMEOUT: Duration = Duration::from_millis(5);

/// How many batches of reads run at once, each on a connection of its own.
const READERS: usize = 2;

/// Opens nothing yet, but for a database in memory.
pub(crate) async fn open(url: &str) -> Result<SqliteStore> {
    let mut url = StoreUrl::parse(STORE, url)?;
    let settings = Settings::take(BOUNDS, &mut url)?;
    schema::check(settings.table())?;
    let synchronous = match url.text("synchronous").as_deref() {
        None | Some("normal") => SqliteSynchronous::Normal,
        Some("full") => SqliteSynchronous::Full,
        Some(_) => return Err(config("`synchronous` must be normal or full")),
    };
    let place = url.place()?;
    url.finish()?;

    let options = SqliteConnectOptions::new()
        .create_if_missing(true)
        .busy_timeout(BUSY_TIMEOUT)
        .statement_cache_capacity(64)
        .synchronous(synchronous);
    let place = place.strip_prefix("//").unwrap_or(&place);
    if place == ":memory:" {
        // A database in memory belongs to its connection: there is one, and it stays.
        let pool = SqlitePoolOptions::new()
            .max_connections(1)
            .idle_timeout(None)
            .max_lifetime(None)
            .acquire_timeout(settings.timeout())
            .test_before_acquire(false)
            .connect_with(options.in_memory(true))
            .await
            .map_err(error)?;
        let connections = Connections::of_pool(pool, |_| true).embedded();
        return Ok(SqliteStore::assemble(
            connections.clone(),
            connections,
            settings,
            false,
        ));
    }
    let options = options
        .filename(file(place)?)
        .journal_mode(SqliteJournalMode::Wal);
    let connections = |most| Connections::own(options.clone(), None, most, is_fit).embedded();
    let (readers, writer) = (connections(READERS), connections(1));
    Ok(SqliteStore::assemble(readers, writer, settings, true))
}

/// The path of the database file, in a directory that is there.
fn file(place: &str) -> Result<&Path> {
    if place.is_empty() {
        return Err(config(
            "the URL names no file; write `sqlite:sessions.db` or `sqlite::memory:`",
        ));
    }
    let path = Path::new(place);
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() && !folder.is_dir() => Err(config(format!(
            "the directory {folder:?} of the database file is not there; create it"
        ))),
        _ if path.is_dir() => Err(config("the URL names a directory; it must name a file")),
        _ => Ok(path),
    }
}
