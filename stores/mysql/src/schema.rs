//! The table: how it is made, and whether it is ours.

use session_store_api::{Error, ErrorKind, Result};
use session_store_sql::{Reaction, Settings, Table, config, patiently};
use sqlx::mysql::MySqlRow;
use sqlx::{AssertSqlSafe, Row};
use tokio::time::timeout;

use crate::error::{STORE, error_at, reaction};
use crate::store::{BOUNDS, MySqlConnections};

/// The statement that creates the table `table`, or `database.table`, with its index, for migrations of
/// your own.
///
/// The same that [`MySqlStore::migrate`](crate::MySqlStore::migrate) runs. It may be run again.
///
/// ```
/// let sql = session_store_mysql::migration_sql("sessions")?;
/// assert!(sql.starts_with("CREATE TABLE IF NOT EXISTS `sessions` ("));
/// # Ok::<(), session_store_mysql::Error>(())
/// ```
///
/// # Errors
///
/// [`ErrorKind::Config`] unless each name is 1 to 64 letters, digits and underscores, and begins with no
/// digit.
pub fn migration_sql(table: &str) -> Result<String> {
    Ok(sql(&Settings::parse_table(BOUNDS, table)?))
}

fn sql(table: &Table) -> String {
    let table = table.quoted('`');
    // Keys are compared byte by byte. A deadline is milliseconds since 1970 in UTC, so no time zone can
    // bend it. A touch changes what is indexed but once an hour.
    format!(
        "CREATE TABLE IF NOT EXISTS {table} (\n    \
             `key` VARBINARY(200) NOT NULL PRIMARY KEY,\n    \
             `value` LONGBLOB NOT NULL,\n    \
             expires_at BIGINT NOT NULL,\n    \
             expires_hour BIGINT GENERATED ALWAYS AS (expires_at DIV 3600000) STORED,\n    \
             INDEX expires (expires_hour)\n\
         ) ENGINE = InnoDB;\n"
    )
}

/// What stands where the table should.
enum Found {
    Nothing,
    Ours,
    Other,
}

/// Creates the table if it is not there, and looks whether the server takes the largest value.
pub(crate) async fn migrate(
    connections: &MySqlConnections,
    place: &str,
    settings: &Settings,
) -> Result<()> {
    let until = settings.patience().ends();
    let passes = |error: &sqlx::Error| reaction(error) == Reaction::Again;
    let migrated = patiently(until, passes, || create(connections, settings.table()));
    let (found, packet) = timeout(settings.timeout(), migrated)
        .await
        .map_err(|late| {
            let message = format!("no answer in time from {place}");
            Error::new(ErrorKind::Timeout, STORE, message).with_source(late)
        })?
        .map_err(|failure| error_at(place, failure))?;
    if !matches!(found, Found::Ours) {
        return Err(config(
            STORE,
            format!(
                "the table {:?} is there but has other columns than `migration_sql()` shows; name another with `table`",
                settings.table()
            ),
        ));
    }
    // A value, and the one that must stand there.
    let most = u64::try_from(settings.max_value()).unwrap_or(u64::MAX);
    if most.saturating_mul(2).saturating_add(1024) > packet {
        return Err(config(
            STORE,
            format!(
                "`max_value` is over half of the server's `max_allowed_packet`, which is {packet}"
            ),
        ));
    }
    Ok(())
}

/// Looks first, for a user who may create nothing may still look.
async fn create(connections: &MySqlConnections, table: &Table) -> sqlx::Result<(Found, u64)> {
    let mut found = look(connections, table).await?;
    if matches!(found, Found::Nothing) {
        run(connections, sql(table)).await?;
        found = look(connections, table).await?;
    }
    let packet = run(connections, "SELECT @@max_allowed_packet".to_owned()).await?;
    let packet = packet.first().ok_or(sqlx::Error::RowNotFound)?;
    Ok((found, packet.try_get_unchecked(0)?))
}

async fn look(connections: &MySqlConnections, table: &Table) -> sqlx::Result<Found> {
    let (name, schema) = (table.name(), table.schema());
    let schema = schema.map_or("DATABASE()".to_owned(), |schema| format!("'{schema}'"));
    let columns = run(
        connections,
        format!(
            "SELECT CAST(CONCAT_WS(' ', LOWER(column_name), LOWER(data_type), character_octet_length, \
                 NULLIF(column_key, '')) AS CHAR) \
             FROM information_schema.columns \
             WHERE table_schema = {schema} AND table_name = '{name}' ORDER BY ordinal_position"
        ),
    )
    .await?;
    let columns: Vec<String> = columns
        .iter()
        .map(|row| row.try_get(0))
        .collect::<sqlx::Result<_>>()?;
    let ours = [
        "key varbinary 200 PRI",
        "value longblob 4294967295",
        "expires_at bigint",
        "expires_hour bigint MUL",
    ];
    Ok(if columns.is_empty() {
        Found::Nothing
    } else if columns == ours {
        Found::Ours
    } else {
        Found::Other
    })
}

async fn run(connections: &MySqlConnections, sql: String) -> sqlx::Result<Vec<MySqlRow>> {
    let mut lease = connections.lease().await?;
    let answer = sqlx::raw_sql(AssertSqlSafe(sql))
        .fetch_all(&mut *lease)
        .await;
    lease.end(answer)
}
