//! The table of records, as the queues use it.

use futures_util::StreamExt as _;
use session_store_api::Error;
use session_store_sql::{Database, Kind, Reaction, Row, Table};
use sqlx::{Executor as _, Row as _};

use crate::error::{STORE, error, is_locked};
use crate::statements::Statements;
use crate::store::SqliteConnections;

/// A table of records.
pub(crate) struct Records {
    readers: SqliteConnections,
    writer: SqliteConnections,
    statements: Statements,
}

impl Records {
    pub(crate) fn new(
        readers: SqliteConnections,
        writer: SqliteConnections,
        table: &Table,
    ) -> Self {
        Self {
            readers,
            writer,
            statements: Statements::new(table),
        }
    }
}

impl Database for Records {
    const NAME: &'static str = STORE;
    type Failure = sqlx::Error;

    async fn get(&self, keys: &[&str]) -> sqlx::Result<Vec<(String, Vec<u8>)>> {
        let (text, nulls) = self.statements.get.of(keys.len());
        let mut query = sqlx::query(text);
        for key in keys {
            query = query.bind(*key);
        }
        for _ in 0..nulls {
            query = query.bind(None::<&str>);
        }
        let mut lease = self.readers.lease().await?;
        let rows = if keys.len() == 1 {
            // One row is all there can be: nothing more is waited for.
            let row = query.fetch_optional(&mut *lease).await;
            row.map(|row| row.into_iter().collect())
        } else {
            query.fetch_all(&mut *lease).await
        };
        let rows: Vec<_> = lease.end(rows)?;
        rows.iter()
            .map(|row| Ok((row.try_get(0)?, row.try_get(1)?)))
            .collect()
    }

    async fn write(&self, kind: Kind, rows: &[Row<'_>]) -> sqlx::Result<Vec<String>> {
        let (text, nulls) = self.statements.of(kind).of(rows.len());
        let mut query = sqlx::query(text);
        for row in rows {
            let life = row.life_from_this_millisecond();
            query = query.bind(row.key);
            query = match kind {
                Kind::Set | Kind::SetIfAbsent | Kind::SetIfPresent => {
                    query.bind(row.value).bind(life)
                }
                Kind::SetIfUnchanged => query.bind(row.value).bind(life).bind(row.old),
                Kind::Touch => query.bind(life),
                Kind::Destroy => query,
            };
        }
        for _ in 0..nulls {
            query = query.bind(None::<&str>);
        }
        let mut lease = self.writer.lease().await?;
        let written = match kind {
            // They return nothing: the first that is heard of them is that they are done.
            Kind::Set | Kind::Destroy => {
                let done = lease.fetch_many(query).next().await.transpose();
                done.map(|_| Vec::new())
            }
            // The keys of the records that were changed.
            _ => query.fetch_all(&mut *lease).await,
        };
        let written = lease.end(written)?;
        written.iter().map(|row| row.try_get(0)).collect()
    }

    async fn sweep(&self, limit: u32) -> sqlx::Result<u64> {
        let sweep = sqlx::query(self.statements.sweep()).bind(limit);
        let mut lease = self.writer.lease().await?;
        let swept = sweep.execute(&mut *lease).await;
        Ok(lease.end(swept)?.rows_affected())
    }

    fn reaction(failure: &sqlx::Error) -> Reaction {
        match is_locked(failure) {
            true => Reaction::Again,
            false => Reaction::Fail,
        }
    }

    fn error(failure: sqlx::Error) -> Error {
        error(failure)
    }
}
