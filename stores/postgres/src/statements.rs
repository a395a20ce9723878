//! Every statement that reads or writes records, for one table.
//!
//! Each takes any number of rows, in arrays of keys (`$1`), values, lives in milliseconds.
//!
//! Whether a record is live is asked when nobody else can change it any more. An `UPDATE` alone would ask
//! before it waits for a row that somebody else has locked, and not again if he leaves it as it was: a
//! record that expired meanwhile would come back. So conditional writes lock their rows first, and look at
//! the clock then. They lock them in the order of their keys, whatever the plan, so that writers never
//! wait for one another in a circle.

use std::sync::Arc;

use session_store_sql::{Kind, Table};

/// The statements for one table.
pub(crate) struct Statements {
    pub(crate) get: Arc<str>,
    pub(crate) sweep: Arc<str>,
    set: Arc<str>,
    absent: Arc<str>,
    present: Arc<str>,
    unchanged: Arc<str>,
    touch: Arc<str>,
    destroy: Arc<str>,
}

/// The hour in which something happens. What expired in an hour that is over has expired.
pub(crate) const HOUR: &str = "date_bin('1 hour', {}, '1970-01-01 00:00:00+00'::timestamptz)";

impl Statements {
    pub(crate) fn new(table: &Table) -> Self {
        let table = table.quoted('"');
        // A life begins when the statement does, which is while its call is made.
        let ends = "statement_timestamp() + new.life * interval '1 millisecond'";
        let live = format!(
            "WITH locked AS MATERIALIZED (\
                 SELECT key, expires_at FROM {table} WHERE key = ANY($1::text[]) ORDER BY key FOR NO KEY UPDATE\
             ), live AS (SELECT key FROM locked WHERE expires_at > clock_timestamp())"
        );
        let update = |change: &str, arrays: &str, columns: &str, condition: &str| {
            format!(
                "{live} UPDATE {table} AS record SET {change} \
                 FROM live JOIN unnest($1::text[], {arrays}) AS new (key, {columns}) ON new.key = live.key \
                 WHERE record.key = live.key{condition} RETURNING record.key"
            )
        };
        let rewrite = format!("value = new.value, expires_at = {ends}");
        let set = format!(
            "INSERT INTO {table} AS record (key, value, expires_at) \
             SELECT new.key, new.value, {ends} \
             FROM unnest($1::text[], $2::bytea[], $3::bigint[]) AS new (key, value, life) \
             ON CONFLICT (key) DO UPDATE SET value = excluded.value, expires_at = excluded.expires_at"
        );
        let hour = HOUR.replace("{}", "statement_timestamp()");
        Self {
            get: format!(
                "SELECT key, value FROM {table} WHERE key = ANY($1::text[]) AND expires_at > clock_timestamp()"
            )
            .into(),
            absent: format!(
                "{set} WHERE record.expires_at <= clock_timestamp() RETURNING record.key"
            )
            .into(),
            set: set.into(),
            present: update(&rewrite, "$2::bytea[], $3::bigint[]", "value, life", "").into(),
            unchanged: update(
                &rewrite,
                "$2::bytea[], $3::bigint[], $4::bytea[]",
                "value, life, old",
                " AND record.value = new.old",
            )
            .into(),
            touch: update(&format!("expires_at = {ends}"), "$2::bigint[]", "life", "").into(),
            destroy: format!(
                "WITH locked AS MATERIALIZED (\
                     SELECT key FROM {table} WHERE key = ANY($1::text[]) ORDER BY key FOR UPDATE\
                 ) DELETE FROM {table} AS record USING locked WHERE record.key = locked.key"
            )
            .into(),
            sweep: format!(
                "WITH swept AS (DELETE FROM {table} WHERE ctid = ANY(ARRAY(\
                     SELECT ctid FROM {table} WHERE expires_hour < {hour} \
                     ORDER BY expires_hour LIMIT $1::bigint FOR UPDATE SKIP LOCKED\
                 )) RETURNING 1) SELECT count(*) FROM swept"
            )
            .into(),
        }
    }

    pub(crate) fn of(&self, kind: Kind) -> &Arc<str> {
        match kind {
            Kind::Set => &self.set,
            Kind::SetIfAbsent => &self.absent,
            Kind::SetIfPresent => &self.present,
            Kind::SetIfUnchanged => &self.unchanged,
            Kind::Touch => &self.touch,
            Kind::Destroy => &self.destroy,
        }
    }
}
