//! The table: how it is made, and whether it is ours.

use session_store_api::{Error, ErrorKind, Result};
use session_store_sql::{Settings, Table, config, patiently};
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, Row};
use tokio::time::timeout;

use crate::error::{STORE, error_at, reaction};
use crate::statements::HOUR;
use crate::store::{BOUNDS, PgConnections};

/// The statements that create the table `table`, or `schema.table`, with its index, for migrations of your
/// own.
///
/// The same that [`PostgresStore::migrate`](crate::PostgresStore::migrate) runs. They may be run again.
///
/// ```
/// let sql = session_store_postgres::migration_sql("sessions")?;
/// assert!(sql.starts_with("CREATE TABLE IF NOT EXISTS \"sessions\" ("));
/// # Ok::<(), session_store_postgres::Error>(())
/// ```
///
/// # Errors
///
/// [`ErrorKind::Config`] unless each name is 1 to 50 letters, digits and underscores, and begins with no
/// digit.
pub fn migration_sql(table: &str) -> Result<String> {
    Ok(sql(&Settings::parse_table(BOUNDS, table)?, false))
}

fn sql(table: &Table, unlogged: bool) -> String {
    let unlogged = if unlogged { "UNLOGGED " } else { "" };
    let (index, table) = (table.name(), table.quoted('"'));
    let hour = HOUR.replace("{}", "expires_at");
    // Keys are compared byte by byte. A touch changes no indexed column but once an hour, and finds room on
    // the page: it writes the row alone, and no index.
    format!(
        "CREATE {unlogged}TABLE IF NOT EXISTS {table} (\n    \
             key text COLLATE \"C\" NOT NULL PRIMARY KEY,\n    \
             value bytea NOT NULL,\n    \
             expires_at timestamptz NOT NULL,\n    \
             expires_hour timestamptz NOT NULL GENERATED ALWAYS AS\n        \
                 ({hour}) STORED\n\
         ) WITH (fillfactor = 70);\n\
         CREATE INDEX IF NOT EXISTS \"{index}_expires\" ON {table} (expires_hour);\n"
    )
}

/// What stands where the table should.
enum Found {
    Nothing,
    Ours,
    /// Ours but for the index.
    Bare,
    Other,
}

/// Creates the table if it is not there.
pub(crate) async fn migrate(
    connections: &PgConnections,
    place: &str,
    settings: &Settings,
    unlogged: bool,
) -> Result<()> {
    let until = settings.patience().ends();
    let attempt = || create(connections, settings.table(), unlogged);
    let migrated = patiently(until, collides, attempt);
    let found = timeout(settings.timeout(), migrated)
        .await
        .map_err(|late| {
            let message = format!("no answer in time from {place}");
            Error::new(ErrorKind::Timeout, STORE, message).with_source(late)
        })?
        .map_err(|failure| error_at(place, failure))?;
    match found {
        Found::Ours => Ok(()),
        _ => Err(config(
            STORE,
            format!(
                "the table {:?} is there but has other columns than `migration_sql()` shows; name another with `table`",
                settings.table()
            ),
        )),
    }
}

/// Looks first, for a user who may create nothing may still look.
async fn create(connections: &PgConnections, table: &Table, unlogged: bool) -> sqlx::Result<Found> {
    let found = look(connections, table).await?;
    if matches!(found, Found::Ours | Found::Other) {
        return Ok(found);
    }
    // Both statements are one message, and so one transaction.
    run(connections, sql(table, unlogged)).await?;
    look(connections, table).await
}

async fn look(connections: &PgConnections, table: &Table) -> sqlx::Result<Found> {
    let quoted = table.quoted('"');
    let rows = run(
        connections,
        format!(
            "SELECT \
                 (SELECT string_agg(concat_ws(' ', attname, format_type(atttypid, atttypmod), \
                      (SELECT collname FROM pg_collation WHERE oid = attcollation)), ', ' ORDER BY attnum) \
                  FROM pg_attribute WHERE attrelid = found.table AND attnum > 0 AND NOT attisdropped), \
                 (SELECT string_agg(pg_get_constraintdef(oid), '') \
                  FROM pg_constraint WHERE conrelid = found.table AND contype = 'p'), \
                 (SELECT string_agg(pg_get_indexdef(indexrelid, 1, false), ' ') \
                  FROM pg_index WHERE indrelid = found.table AND indisvalid AND indpred IS NULL) \
             FROM (SELECT to_regclass('{quoted}')) AS found (\"table\")"
        ),
    )
    .await?;
    let text = |column: usize| -> sqlx::Result<Option<String>> {
        rows.first()
            .map_or(Ok(None), |row: &PgRow| row.try_get(column))
    };
    let ours = "key text C, value bytea, expires_at timestamp with time zone, expires_hour timestamp with time zone";
    let Some(columns) = text(0)? else {
        return Ok(Found::Nothing);
    };
    if columns != ours || text(1)?.as_deref() != Some("PRIMARY KEY (key)") {
        return Ok(Found::Other);
    }
    let indexed = text(2)?.is_some_and(|first| first.split(' ').any(|name| name == "expires_hour"));
    Ok(if indexed { Found::Ours } else { Found::Bare })
}

async fn run(connections: &PgConnections, sql: String) -> sqlx::Result<Vec<PgRow>> {
    let mut lease = connections.lease().await?;
    let answer = sqlx::raw_sql(AssertSqlSafe(sql))
        .fetch_all(&mut *lease)
        .await;
    lease.end(answer)
}

/// Whether somebody else created the same just now: a table, its type, its index.
fn collides(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|error| error.code());
    matches!(
        code.as_deref(),
        Some("42P07" | "42710" | "23505" | "XX000" | "55P03")
    ) || reaction(error) == session_store_sql::Reaction::Again
}
