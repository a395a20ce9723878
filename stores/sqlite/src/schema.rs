//! The table: its name, how it is made, and whether it is ours.

use session_store_api::Result;
use session_store_sql::{Settings, Table};
use sqlx::{AssertSqlSafe, Connection, Row, SqliteConnection};

use crate::error::config;
use crate::store::{BOUNDS, SqliteConnections};

/// A table's name: what every store takes, but for the names that SQLite keeps for itself.
pub(crate) fn check(table: &Table) -> Result<()> {
    if table.name().to_ascii_lowercase().starts_with("sqlite_") {
        return Err(config(
            "`table` must be a name that does not begin with `sqlite_`",
        ));
    }
    Ok(())
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
/// [`ErrorKind::Config`](session_store_api::ErrorKind::Config) unless it is 1 to 63 letters, digits and
/// underscores, beginning with a letter or an underscore and not with `sqlite_`.
pub fn migration_sql(table: &str) -> Result<String> {
    let table = Settings::parse_table(BOUNDS, table)?;
    check(&table)?;
    let table = table.name();
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
pub(crate) async fn migrate(
    writer: &SqliteConnections,
    sql: &str,
    table: &Table,
) -> sqlx::Result<bool> {
    let mut lease = writer.lease().await?;
    let is_ours = create(&mut lease, sql, table).await;
    lease.end_transaction(is_ours)
}

async fn create(connection: &mut SqliteConnection, sql: &str, table: &Table) -> sqlx::Result<bool> {
    // The lock is taken first, so that of many that do this at once each waits for the other.
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
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
    // SQLite takes no lock of a file that it may not write, and created nothing if the table was there.
    let nothing = format!("DELETE FROM \"{}\" WHERE FALSE", table.name());
    sqlx::raw_sql(AssertSqlSafe(nothing))
        .execute(&mut *transaction)
        .await?;
    let columns = sqlx::query("SELECT name, type, pk FROM pragma_table_xinfo(?) ORDER BY cid")
        .bind(table.name())
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
