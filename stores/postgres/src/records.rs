//! The table of records, as the queues use it.

use std::sync::Arc;

use session_store_api::Error;
use session_store_sql::{Database, Kind, Reaction, Row, Table};
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, Row as _};

use crate::connect::Door;
use crate::error::{STORE, error, reaction};
use crate::inline;
use crate::statements::Statements;
use crate::store::PgConnections;

/// A table of records.
pub(crate) struct Records {
    connections: PgConnections,
    statements: Statements,
    inline: bool,
}

/// What stands for `$1`, `$2` and so on.
pub(crate) enum Argument<'a> {
    Keys(Vec<&'a str>),
    Values(Vec<&'a [u8]>),
    Lives(Vec<i64>),
    Limit(i64),
}

impl Records {
    pub(crate) fn new(door: &Door, table: &Table) -> Self {
        Self {
            connections: door.connections.clone(),
            statements: Statements::new(table),
            inline: door.inline,
        }
    }

    /// Runs one statement.
    async fn run(
        &self,
        statement: &Arc<str>,
        arguments: Vec<Argument<'_>>,
    ) -> sqlx::Result<Vec<PgRow>> {
        let mut lease = self.connections.lease().await?;
        // The only thing put into a statement is the table's name, which was checked, and hexadecimals.
        let answer = if self.inline {
            let statement = inline::statement(statement, &arguments);
            sqlx::raw_sql(AssertSqlSafe(statement))
                .fetch_all(&mut *lease)
                .await
        } else {
            let mut query = sqlx::query(AssertSqlSafe(Arc::clone(statement)));
            for argument in arguments {
                query = match argument {
                    Argument::Keys(keys) => query.bind(keys),
                    Argument::Values(values) => query.bind(values),
                    Argument::Lives(lives) => query.bind(lives),
                    Argument::Limit(limit) => query.bind(limit),
                };
            }
            query.fetch_all(&mut *lease).await
        };
        lease.end(answer)
    }
}

impl Database for Records {
    const NAME: &'static str = STORE;
    type Failure = sqlx::Error;

    async fn get(&self, keys: &[&str]) -> sqlx::Result<Vec<(String, Vec<u8>)>> {
        let keys = Argument::Keys(keys.to_vec());
        let rows = self.run(&self.statements.get, vec![keys]).await?;
        rows.iter()
            .map(|row| Ok((row.try_get(0)?, row.try_get(1)?)))
            .collect()
    }

    async fn write(&self, kind: Kind, rows: &[Row<'_>]) -> sqlx::Result<Vec<String>> {
        let keys = Argument::Keys(rows.iter().map(|row| row.key).collect());
        let values = || Argument::Values(rows.iter().map(|row| row.value).collect());
        let olds = || Argument::Values(rows.iter().map(|row| row.old).collect());
        let lives = || Argument::Lives(rows.iter().map(|row| row.life).collect());
        let arguments = match kind {
            Kind::Set | Kind::SetIfAbsent | Kind::SetIfPresent => vec![keys, values(), lives()],
            Kind::SetIfUnchanged => vec![keys, values(), lives(), olds()],
            Kind::Touch => vec![keys, lives()],
            Kind::Destroy => vec![keys],
        };
        let written = self.run(self.statements.of(kind), arguments).await?;
        written.iter().map(|row| row.try_get(0)).collect()
    }

    async fn sweep(&self, limit: u32) -> sqlx::Result<u64> {
        let statement = &self.statements.sweep;
        let swept = self
            .run(statement, vec![Argument::Limit(limit.into())])
            .await?;
        swept.first().map_or(Ok(0), |row| {
            let swept: i64 = row.try_get(0)?;
            Ok(u64::try_from(swept).unwrap_or(0))
        })
    }

    fn reaction(failure: &sqlx::Error) -> Reaction {
        reaction(failure)
    }

    fn error(failure: sqlx::Error) -> Error {
        error(failure)
    }
}
