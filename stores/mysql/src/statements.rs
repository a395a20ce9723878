//! Every statement that reads or writes records, for one table.
//!
//! A statement takes as many rows as a batch has of one kind. Their number is rounded up to one of
//! [`SIZES`], so that a handful of prepared statements serves all batches. The rows that are too many
//! are `NULL` where a key is looked for, and one of the others again where a row is written.

use std::sync::Arc;

use session_store_sql::Table;
use sqlx::{AssertSqlSafe, SqlSafeStr, SqlStr};

/// The server's clock in milliseconds since 1970, whatever its time zone. Read once for each statement,
/// when that begins.
const NOW: &str = "TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6)) DIV 1000";

/// The same, read for each row that is looked at: after the statement has waited for the row's lock. What
/// expired meanwhile has expired. (`SYSDATE` alone would be in the session's time zone.)
const NOW_AT_LAST: &str = "(TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6)) \
     + TIMESTAMPDIFF(MICROSECOND, NOW(6), SYSDATE(6))) DIV 1000";

/// In a small table the server would rather look at every row, and so wait for each that is locked.
const BY_KEY: &str = "FORCE INDEX (PRIMARY)";

/// For how many rows there are prepared statements. Each is twice the one before, so that rows which stand
/// there twice at most double the bytes.
const SIZES: [usize; 9] = [1, 2, 4, 8, 16, 32, 64, 128, 256];

/// The most rows of one statement, and so of one batch.
pub(crate) const MOST_ROWS: usize = SIZES[SIZES.len() - 1];

/// The statements for one table.
pub(crate) struct Statements {
    /// Keys.
    pub(crate) get: ForRows,
    /// Keys: their live records, locked until the transaction ends.
    pub(crate) lock: ForRows,
    /// Rows of a key, a value, a life.
    pub(crate) set: ForRows,
    /// The same, where no row may be there.
    pub(crate) insert: ForRows,
    /// A life, keys: of records that are locked.
    pub(crate) renew: ForRows,
    /// Keys.
    pub(crate) destroy: ForRows,
    /// Keys: of records that are locked.
    pub(crate) remove: ForRows,
    absent: Arc<str>,
    present: Arc<str>,
    unchanged: Arc<str>,
    touch: Arc<str>,
    overdue: Arc<str>,
}

impl Statements {
    pub(crate) fn new(table: &Table) -> Self {
        let table = table.quoted('`');
        let insert =
            |rows: &str| format!("INSERT INTO {table} (`key`, `value`, expires_at) VALUES {rows}");
        let row = format!("(?,?,{NOW}+?)");
        let live = |keys: &str| {
            format!(
                "SELECT `key`, `value` FROM {table} {BY_KEY} WHERE `key` IN ({keys}) AND expires_at > {NOW_AT_LAST}"
            )
        };
        let update = |change: &str| {
            format!("UPDATE {table} SET {change} WHERE `key` = ? AND expires_at > {NOW_AT_LAST}")
        };
        let rewrite = update(&format!("`value` = ?, expires_at = {NOW}+?"));
        Self {
            get: ForRows::new("?", live),
            lock: ForRows::new("?", |keys| format!("{} ORDER BY `key` FOR UPDATE", live(keys))),
            set: ForRows::new(&row, |rows| {
                format!(
                    "{} ON DUPLICATE KEY UPDATE `value` = VALUES(`value`), expires_at = VALUES(expires_at)",
                    insert(rows)
                )
            }),
            insert: ForRows::new(&row, insert),
            renew: ForRows::new("?", |keys| {
                format!("UPDATE {table} {BY_KEY} SET expires_at = {NOW}+? WHERE `key` IN ({keys})")
            }),
            destroy: ForRows::new("?", |keys| {
                format!("DELETE FROM {table} WHERE `key` IN ({keys})")
            }),
            // With `IN` it would rather look at every row of a small table, whatever index it is told to use.
            remove: ForRows::with("SELECT ?", " UNION ALL ", |keys| {
                let keys = keys.replacen("SELECT ?", "SELECT ? AS `key`", 1);
                format!(
                    "DELETE record FROM ({keys}) AS doomed STRAIGHT_JOIN {table} AS record {BY_KEY} \
                     ON record.`key` = doomed.`key`"
                )
            }),
            // The count of changed rows does not tell a row that was inserted from one that stayed as it
            // was. What `LAST_INSERT_ID` is given comes back beside it: 0 if there was no row, 1 if there
            // was a live one, 2 if there was one that had expired.
            absent: format!(
                "{} ON DUPLICATE KEY UPDATE \
                 `value` = IF(LAST_INSERT_ID(IF(expires_at <= {NOW}, 2, 1)) = 2, VALUES(`value`), `value`), \
                 expires_at = IF(expires_at <= {NOW}, VALUES(expires_at), expires_at)",
                insert(&row)
            )
            .into(),
            unchanged: format!("{rewrite} AND `value` = ?").into(),
            present: rewrite.into(),
            touch: update(&format!("expires_at = {NOW}+?")).into(),
            overdue: format!(
                "SELECT `key`, expires_hour FROM {table} FORCE INDEX (expires) \
                 WHERE expires_hour >= ? AND expires_hour < {NOW} DIV 3600000 \
                 ORDER BY expires_hour LIMIT ? FOR UPDATE SKIP LOCKED"
            )
            .into(),
        }
    }

    /// One row of a key, a value, a life.
    pub(crate) fn absent(&self) -> SqlStr {
        safe(&self.absent)
    }

    /// A value, a life, a key.
    pub(crate) fn present(&self) -> SqlStr {
        safe(&self.present)
    }

    /// A value, a life, a key, the value that must stand there.
    pub(crate) fn unchanged(&self) -> SqlStr {
        safe(&self.unchanged)
    }

    /// A life, a key.
    pub(crate) fn touch(&self) -> SqlStr {
        safe(&self.touch)
    }

    /// From which hour on, and how many: so many keys of expired records that nobody has locked, and their
    /// hours; it locks them.
    pub(crate) fn overdue(&self) -> SqlStr {
        safe(&self.overdue)
    }
}

/// One statement, for each of [`SIZES`].
pub(crate) struct ForRows([Arc<str>; SIZES.len()]);

impl ForRows {
    /// `text` makes the statement around its rows.
    fn new(row: &str, text: impl Fn(&str) -> String) -> Self {
        Self::with(row, ",", text)
    }

    fn with(row: &str, between: &str, text: impl Fn(&str) -> String) -> Self {
        Self(SIZES.map(|size| text(&vec![row; size].join(between)).into()))
    }

    /// The statement for at least so many rows, and how many more it takes.
    pub(crate) fn of(&self, rows: usize) -> (SqlStr, usize) {
        let at = SIZES
            .iter()
            .position(|size| *size >= rows)
            .unwrap_or(SIZES.len() - 1);
        (safe(&self.0[at]), SIZES[at].saturating_sub(rows))
    }
}

/// The only thing put into a statement is the table's name, which was checked.
fn safe(text: &Arc<str>) -> SqlStr {
    AssertSqlSafe(Arc::clone(text)).into_sql_str()
}
