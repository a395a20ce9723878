//! The table: its name, how it is made, and whether it is ours.

use std::fmt;
use std::sync::Arc;

use session_store_api::Result;
use sqlx::{AssertSqlSafe, Row, SqlitePool};

use crate::error::config;

/// A table's name: letters, digits and underscores, so that it can stand in a statement.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Table(Arc<str>);

impl Table {
    pub(crate) fn new(name: &str) -> Result<Self> {
        let starts = name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
        let goes_on = name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if starts
            && goes_on
            && name.len() <= 63
            && !name.to_ascii_lowercase().starts_with("sqlite_")
        {
            return Ok(Self(name.into()));
        }
        Err(config(
            "`table` must be 1 to 63 letters, digits and underscores, not begin with a digit nor with `sqlite_`",
        ))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for Table {
    fn default() -> Self {
        Self("sessions".into())
    }
}

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// The statements that create the table `table` with its index, for migrations of your own.
///
/// The same that [`SqliteStore::migrate`](crate::SqliteStore::migrate) runs. They may be run again.
///
/// ```
/// let sql = session_store_sqlite::migration_sql("sessions")?;
/// assert!(sql.starts_with("CREATE TABLE IF NOT EXISTS \"sessions\" ("));
/// # Ok::<(), session_store_sqlite::Error>(())
/// ```
///
/// # Errors
///
/// [`ErrorKind::Config`](session_store_api::ErrorKind::Config) if `table` is not 1 to 63 letters, digits
/// and underscores beginning with a letter or an underscore.
pub fn migration_sql(table: &str) -> Result<String> {
    let table = Table::new(table)?;
    let table = table.as_str();
    // Keys are compared byte by byte (BINARY is the default collation). A deadline is milliseconds since
    // 1970 in UTC, so no time zone can bend it.
    Ok(format!(
        "CREATE TABLE IF NOT EXISTS \"{table}\" (\n    \
             key TEXT NOT NULL PRIMARY KEY,\n    \
             value BLOB NOT NULL,\n    \
             expires_at INTEGER NOT NULL\n\
         ) STRICT;\n\
         CREATE INDEX IF NOT EXISTS \"{table}_expires_at\" ON \"{table}\" (expires_at);\n"
    ))
}

/// Creates the table if it is not there; says whether what is there is ours.
pub(crate) async fn migrate(pool: &SqlitePool, sql: &str, table: &Table) -> sqlx::Result<bool> {
    // The lock is taken first, so that of many that do this at once each waits for the other.
    let mut transaction = pool.begin_with("BEGIN IMMEDIATE").await?;
    match sqlx::raw_sql(AssertSqlSafe(sql))
        .execute(&mut *transaction)
        .await
    {
        // An index on a column that is not there: the table was, and is not ours.
        Err(sqlx::Error::Database(error)) if error.message().contains("no such column") => {
            return Ok(false);
        }
        created => created?,
    };
    let columns = sqlx::query("SELECT name, type, pk FROM pragma_table_xinfo(?) ORDER BY cid")
        .bind(table.as_str())
        .fetch_all(&mut *transaction)
        .await?;
    let ours = [
        ("key", "TEXT", 1),
        ("value", "BLOB", 0),
        ("expires_at", "INTEGER", 0),
    ];
    let is_ours = columns.len() == ours.len()
        && columns.iter().zip(ours).all(|(row, (name, kind, key))| {
            row.try_get("name")
                .is_ok_and(|found: &str| found.eq_ignore_ascii_case(name))
                && row
                    .try_get("type")
                    .is_ok_and(|found: &str| found.eq_ignore_ascii_case(kind))
                && row.try_get("pk").is_ok_and(|found: i64| found == key)
        });
    if is_ours {
        transaction.commit().await?;
    }
    Ok(is_ours)
}
