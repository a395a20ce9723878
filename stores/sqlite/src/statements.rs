//! Every statement that reads or writes records, for one table.
//!
//! A statement takes as many rows as a batch has of one kind. Their number is rounded up to one of
//! [`SIZES`], so that a handful of prepared statements serves all batches; the rows that are too many
//! have `NULL` for a key and match nothing.

use std::sync::Arc;

use session_store_sql::{Kind, Table};
use sqlx::{AssertSqlSafe, SqlSafeStr, SqlStr};

/// SQLite's own clock, in milliseconds since 1970. Read once for each statement, after it has waited
/// for the database's lock.
const NOW: &str = "CAST(ROUND(unixepoch('subsec') * 1000) AS INTEGER)";

/// For how many rows there are prepared statements.
const SIZES: [usize; 5] = [1, 4, 16, 64, 256];

/// The most rows of one statement, and so of one batch.
pub(crate) const MOST_ROWS: usize = SIZES[SIZES.len() - 1];

/// The statements for one table.
pub(crate) struct Statements {
    pub(crate) get: ForRows,
    set: ForRows,
    absent: ForRows,
    present: ForRows,
    unchanged: ForRows,
    touch: ForRows,
    destroy: ForRows,
    sweep: Arc<str>,
}

impl Statements {
    pub(crate) fn new(table: &Table) -> Self {
        let table = table.name();
        let upsert = |rows: &str| {
            format!(
                "INSERT INTO \"{table}\" (key, value, expires_at) \
                 SELECT column1, column2, {NOW} + column3 FROM (VALUES {rows}) WHERE column1 IS NOT NULL \
                 ON CONFLICT (key) DO UPDATE SET value = excluded.value, expires_at = excluded.expires_at"
            )
        };
        // The records are found by the rows' keys, never the other way round.
        let update = |change: &str, rows: &str, condition: &str| {
            format!(
                "UPDATE \"{table}\" AS record SET {change} FROM (VALUES {rows}) AS new \
                 WHERE record.key = new.column1 AND record.expires_at > {NOW}{condition} RETURNING key"
            )
        };
        let rewrite = format!("value = new.column2, expires_at = {NOW} + new.column3");
        Self {
            get: ForRows::new(1, |rows| {
                format!("SELECT key, value FROM \"{table}\" WHERE key IN ({rows}) AND expires_at > {NOW}")
            }),
            set: ForRows::new(3, upsert),
            absent: ForRows::new(3, |rows| {
                format!("{} WHERE \"{table}\".expires_at <= {NOW} RETURNING key", upsert(rows))
            }),
            present: ForRows::new(3, |rows| update(&rewrite, rows, "")),
            unchanged: ForRows::new(4, |rows| update(&rewrite, rows, " AND record.value = new.column4")),
            touch: ForRows::new(2, |rows| update(&format!("expires_at = {NOW} + new.column2"), rows, "")),
            destroy: ForRows::new(1, |rows| format!("DELETE FROM \"{table}\" WHERE key IN ({rows})")),
            sweep: format!(
                "DELETE FROM \"{table}\" WHERE key IN \
                 (SELECT key FROM \"{table}\" WHERE expires_at <= {NOW} ORDER BY expires_at LIMIT ?)"
            )
            .into(),
        }
    }

    /// What writes records.
    pub(crate) fn of(&self, kind: Kind) -> &ForRows {
        match kind {
            Kind::Set => &self.set,
            Kind::SetIfAbsent => &self.absent,
            Kind::SetIfPresent => &self.present,
            Kind::SetIfUnchanged => &self.unchanged,
            Kind::Touch => &self.touch,
            Kind::Destroy => &self.destroy,
        }
    }

    /// What removes so many expired records, oldest first.
    pub(crate) fn sweep(&self) -> SqlStr {
        safe(&self.sweep)
    }
}

/// One statement, for each of [`SIZES`].
pub(crate) struct ForRows {
    texts: [Arc<str>; SIZES.len()],
    columns: usize,
}

impl ForRows {
    /// `text` makes the statement around its rows: `(?,?),(?,?)`, or `?,?` for rows of one column.
    fn new(columns: usize, text: impl Fn(&str) -> String) -> Self {
        let row = match columns {
            1 => "?".to_owned(),
            _ => format!("({})", vec!["?"; columns].join(",")),
        };
        let texts = SIZES.map(|size| text(&vec![row.as_str(); size].join(",")).into());
        Self { texts, columns }
    }

    /// The statement for at least so many rows, and how many `NULL`s to bind behind them.
    pub(crate) fn of(&self, rows: usize) -> (SqlStr, usize) {
        let at = SIZES
            .iter()
            .position(|size| *size >= rows)
            .unwrap_or(SIZES.len() - 1);
        let missing = SIZES[at].saturating_sub(rows);
        (safe(&self.texts[at]), missing * self.columns)
    }
}

/// The only thing put into a statement is the table's name, which was checked.
fn safe(text: &Arc<str>) -> SqlStr {
    AssertSqlSafe(Arc::clone(text)).into_sql_str()
}
