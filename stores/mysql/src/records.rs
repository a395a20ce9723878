//! The table of records, as the queues use it.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicI64, Ordering};

use session_store_api::Error;
use session_store_sql::{Database, Kind, Reaction, Row, Table};
use sqlx::mysql::{MySqlArguments, MySqlConnection, MySqlQueryResult, MySqlRow};
use sqlx::query::Query;
use sqlx::{MySql, Row as _};

use crate::connect::Door;
use crate::error::{STORE, error, reaction};
use crate::statements::{ForRows, MOST_ROWS, Statements};
use crate::store::MySqlConnections;

/// A table of records.
pub(crate) struct Records {
    connections: MySqlConnections,
    statements: Statements,
    /// The hour up to which all was swept that nobody had locked. The server steps over what it has removed
    /// and not yet tidied away, so who sweeps much does not begin at the beginning each time.
    swept: AtomicI64,
}

type Statement<'q> = Query<'q, MySql, MySqlArguments>;

impl Records {
    pub(crate) fn new(door: &Door, table: &Table) -> Self {
        Self {
            connections: door.connections.clone(),
            statements: Statements::new(table),
            swept: AtomicI64::new(0),
        }
    }

    /// Runs one statement, which commits itself.
    async fn execute(&self, statement: Statement<'_>) -> sqlx::Result<MySqlQueryResult> {
        let mut lease = self.connections.lease().await?;
        let answer = statement.execute(&mut *lease).await;
        lease.end(answer)
    }

    /// Runs one of the statements that say by a count whether their only row was written.
    async fn write_one(&self, kind: Kind, row: &Row<'_>) -> sqlx::Result<bool> {
        let life = row.life_from_this_millisecond();
        let (key, statements) = (row.key.as_bytes(), &self.statements);
        let statement = match kind {
            Kind::SetIfAbsent => {
                let absent = sqlx::query(statements.absent());
                let written = self.execute(absent.bind(key).bind(row.value).bind(life));
                return Ok(written.await?.last_insert_id() != 1);
            }
            Kind::Touch => sqlx::query(statements.touch()).bind(life).bind(key),
            Kind::SetIfUnchanged => sqlx::query(statements.unchanged())
                .bind(row.value)
                .bind(life)
                .bind(key)
                .bind(row.old),
            _ => sqlx::query(statements.present())
                .bind(row.value)
                .bind(life)
                .bind(key),
        };
        // Of rows that were found, whether or not that changed them.
        Ok(self.execute(statement).await?.rows_affected() > 0)
    }

    /// Writes those of several rows whose condition holds. The server does not say which rows an `UPDATE`
    /// found, so they are locked and looked at first.
    async fn write_live<'a>(&self, kind: Kind, rows: &[Row<'a>]) -> sqlx::Result<Vec<&'a str>> {
        let mut lease = self.connections.lease().await?;
        let written = self.write_live_on(&mut lease, kind, rows).await;
        lease.end_transaction(written)
    }

    async fn write_live_on<'a>(
        &self,
        connection: &mut MySqlConnection,
        kind: Kind,
        rows: &[Row<'a>],
    ) -> sqlx::Result<Vec<&'a str>> {
        begin(connection).await?;
        let keys: Vec<&str> = rows.iter().map(|row| row.key).collect();
        let live = for_keys(&self.statements.lock, &keys).fetch_all(&mut *connection);
        let live: HashMap<String, Vec<u8>> = records(&live.await?)?.into_iter().collect();
        let holds = |row: &&Row<'_>| {
            live.get(row.key)
                .is_some_and(|value| kind != Kind::SetIfUnchanged || value == row.old)
        };
        let rows: Vec<Row<'a>> = rows.iter().filter(holds).copied().collect();
        if kind == Kind::Touch {
            let mut lives: BTreeMap<i64, Vec<&str>> = BTreeMap::new();
            for row in &rows {
                let life = row.life_from_this_millisecond();
                lives.entry(life).or_default().push(row.key);
            }
            for (life, keys) in lives {
                let (text, nulls) = self.statements.renew.of(keys.len());
                let renew = bind_keys(sqlx::query(text).bind(life), &keys, nulls);
                renew.execute(&mut *connection).await?;
            }
        } else if !rows.is_empty() {
            let set = for_rows(&self.statements.set, &rows);
            set.execute(&mut *connection).await?;
        }
        commit(connection).await?;
        Ok(rows.iter().map(|row| row.key).collect())
    }

    async fn sweep_on(&self, connection: &mut MySqlConnection, limit: u32) -> sqlx::Result<u64> {
        begin(connection).await?;
        let overdue = sqlx::query(self.statements.overdue())
            .bind(self.swept.load(Ordering::Relaxed))
            .bind(limit);
        let overdue = overdue.fetch_all(&mut *connection).await?;
        let keys: Vec<String> = overdue.iter().map(key).collect::<sqlx::Result<_>>()?;
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        let mut swept = 0;
        for keys in keys.chunks(MOST_ROWS) {
            let delete = for_keys(&self.statements.remove, keys);
            swept += delete.execute(&mut *connection).await?.rows_affected();
        }
        commit(connection).await?;
        let hour = match overdue.last() {
            Some(last) if swept == u64::from(limit) => last.try_get(1)?,
            // The next one looks again for what was locked.
            _ => 0,
        };
        self.swept.store(hour, Ordering::Relaxed);
        Ok(swept)
    }
}

impl Database for Records {
    const NAME: &'static str = STORE;
    type Failure = sqlx::Error;

    async fn get(&self, keys: &[&str]) -> sqlx::Result<Vec<(String, Vec<u8>)>> {
        let mut lease = self.connections.lease().await?;
        let found = for_keys(&self.statements.get, keys)
            .fetch_all(&mut *lease)
            .await;
        records(&lease.end(found)?)
    }

    async fn write(&self, kind: Kind, rows: &[Row<'_>]) -> sqlx::Result<Vec<String>> {
        let keys: Vec<&str> = rows.iter().map(|row| row.key).collect();
        let written = match (kind, rows) {
            (Kind::Set, _) => {
                self.execute(for_rows(&self.statements.set, rows)).await?;
                Vec::new()
            }
            (Kind::Destroy, _) => {
                self.execute(for_keys(&self.statements.destroy, &keys))
                    .await?;
                Vec::new()
            }
            (_, [row]) => match self.write_one(kind, row).await? {
                true => keys,
                false => Vec::new(),
            },
            // All or none: if one of them is there already, they are tried in halves.
            (Kind::SetIfAbsent, _) => {
                self.execute(for_rows(&self.statements.insert, rows))
                    .await?;
                keys
            }
            _ => self.write_live(kind, rows).await?,
        };
        Ok(written.into_iter().map(str::to_owned).collect())
    }

    async fn sweep(&self, limit: u32) -> sqlx::Result<u64> {
        let mut lease = self.connections.lease().await?;
        let swept = self.sweep_on(&mut lease, limit).await;
        lease.end_transaction(swept)
    }

    fn reaction(failure: &sqlx::Error) -> Reaction {
        reaction(failure)
    }

    fn error(failure: sqlx::Error) -> Error {
        error(failure)
    }
}

/// A transaction that is not committed ends with its connection, which its lease then closes.
async fn begin(connection: &mut MySqlConnection) -> sqlx::Result<()> {
    let begun = sqlx::raw_sql("START TRANSACTION").execute(connection);
    begun.await.map(drop)
}

async fn commit(connection: &mut MySqlConnection) -> sqlx::Result<()> {
    sqlx::raw_sql("COMMIT").execute(connection).await.map(drop)
}

/// A statement with these keys.
fn for_keys<'q>(statement: &ForRows, keys: &[&str]) -> Statement<'q> {
    let (text, nulls) = statement.of(keys.len());
    bind_keys(sqlx::query(text), keys, nulls)
}

fn bind_keys<'q>(mut statement: Statement<'q>, keys: &[&str], nulls: usize) -> Statement<'q> {
    for key in keys {
        statement = statement.bind(key.as_bytes());
    }
    for _ in 0..nulls {
        statement = statement.bind(None::<&[u8]>);
    }
    statement
}

/// A statement with these rows, and the smallest of them as often as one is missing.
fn for_rows<'q>(statement: &ForRows, rows: &[Row<'_>]) -> Statement<'q> {
    let (text, missing) = statement.of(rows.len());
    let smallest = rows.iter().min_by_key(|row| row.value.len());
    let more = smallest.into_iter().cycle().take(missing);
    rows.iter()
        .chain(more)
        .fold(sqlx::query(text), |statement, row| {
            statement
                .bind(row.key.as_bytes())
                .bind(row.value)
                .bind(row.life_from_this_millisecond())
        })
}

fn records(rows: &[MySqlRow]) -> sqlx::Result<Vec<(String, Vec<u8>)>> {
    rows.iter()
        .map(|row| Ok((key(row)?, row.try_get(1)?)))
        .collect()
}

fn key(row: &MySqlRow) -> sqlx::Result<String> {
    let key: Vec<u8> = row.try_get(0)?;
    String::from_utf8(key).map_err(|error| sqlx::Error::Decode(error.into()))
}
