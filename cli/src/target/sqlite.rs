//! Tables of the check's own in a database, and their removal.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use session_store::sqlite::migration_sql;
use session_store::sqlite::sqlx::sqlite::SqliteConnectOptions;
use session_store::sqlite::sqlx::{self, AssertSqlSafe, ConnectOptions, Connection};
use session_store::{Result, StoreUrl};
use session_store_conformance::{BoxError, Facts};

/// A database, and the tables that the check makes in it.
pub(crate) struct Sqlite {
    /// None for a database in memory.
    file: Option<PathBuf>,
    /// There was no such file before the check.
    is_new: bool,
    /// The table of the URL.
    theirs: String,
    max_value: u64,
    timeout: Duration,
    tables: Mutex<BTreeSet<String>>,
}

impl Sqlite {
    pub(crate) fn new(url: &str) -> Result<Self> {
        let mut url = StoreUrl::parse("sqlite", url)?;
        let place = url.place()?;
        let place = place.strip_prefix("//").unwrap_or(&place);
        let theirs = url.text("table").unwrap_or("sessions".to_owned());
        migration_sql(&theirs)?; // ours stand in its place, but a name that cannot be is an error
        let file = (place != ":memory:").then(|| PathBuf::from(place));
        Ok(Self {
            is_new: file.as_ref().is_some_and(|file| !file.exists()),
            file,
            theirs,
            max_value: url.bytes("max_value")?.unwrap_or(16 << 20),
            timeout: url.duration("timeout")?.unwrap_or(Duration::from_secs(5)),
            tables: Mutex::default(),
        })
    }

    pub(crate) fn facts(&self) -> Facts {
        let max_value = usize::try_from(self.max_value).unwrap_or(usize::MAX);
        let facts = Facts::new()
            .resolution(Duration::from_millis(2))
            .own_clock()
            .max_value(max_value)
            .timeout(self.timeout);
        match self.file {
            Some(_) => facts.durable().shared(),
            None => facts,
        }
    }

    /// The table for a namespace, which will be removed.
    pub(crate) fn table(&self, namespace: &str) -> String {
        let table = format!("session_store_check_{namespace}");
        self.tables().insert(table.clone());
        table
    }

    /// Whether the table of the URL is there.
    pub(crate) async fn is_there(&self) -> Result<bool, BoxError> {
        let Some(file) = self.file.as_ref().filter(|_| !self.is_new) else {
            return Ok(false);
        };
        let mut database = SqliteConnectOptions::new().filename(file).connect().await?;
        let is_there =
            sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = ?)")
                .bind(&self.theirs)
                .fetch_one(&mut database)
                .await?;
        database.close().await?;
        Ok(is_there)
    }

    /// Removes the tables, and a file that only the check has made.
    pub(crate) async fn clean(&self) -> Result<(), BoxError> {
        let Some(file) = &self.file else {
            return Ok(());
        };
        if self.is_new {
            for end in ["", "-wal", "-shm"] {
                let mut name = file.clone().into_os_string();
                name.push(end);
                match fs::remove_file(name) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => {
                        return Err(error.into());
                    }
                    _ => {}
                }
            }
            return Ok(());
        }
        let mut database = SqliteConnectOptions::new().filename(file).connect().await?;
        let tables = self.tables().clone();
        for table in tables {
            let drop = format!("DROP TABLE IF EXISTS \"{table}\"");
            sqlx::raw_sql(AssertSqlSafe(drop))
                .execute(&mut database)
                .await?;
        }
        database.close().await?;
        Ok(())
    }

    fn tables(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
