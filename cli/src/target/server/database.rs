//! The database behind a store, by its bare driver: what is in it, and what is to be removed.

use std::str::FromStr;
use std::time::Duration;

use session_store::mongodb::MongoDbStore;
use session_store::mongodb::mongodb::{self, Client, bson::doc};
use session_store::mysql::sqlx::MySqlConnection;
use session_store::postgres::sqlx::postgres::PgConnectOptions;
use session_store::postgres::sqlx::{self, AssertSqlSafe, ConnectOptions, Connection};
use session_store::postgres::sqlx::{PgConnection, Row};
use session_store_conformance::BoxError;
use tokio::time::timeout;

use super::Kind;

/// A database. Every step has a limit in time, for the drivers have none, or one of their own.
pub(super) struct Database {
    driver: Driver,
    limit: Duration,
}

enum Driver {
    Postgres(PgConnection),
    MySql(MySqlConnection),
    MongoDb(mongodb::Database),
}

impl Database {
    /// Connects to the database of a store's URL; nothing if the store has no names to look at or to remove.
    pub(super) async fn open(
        kind: Kind,
        url: &str,
        limit: Duration,
    ) -> Result<Option<Self>, BoxError> {
        let driver = within(limit, async {
            Ok(match kind {
                Kind::Redis | Kind::Memcached => None,
                Kind::Postgres => {
                    // Most poolers refuse this setting, as in the store.
                    let options = PgConnectOptions::from_str(url)?.extra_float_digits(None);
                    Some(Driver::Postgres(options.connect().await?))
                }
                Kind::MySql => {
                    let url = url.replacen("mariadb:", "mysql:", 1);
                    Some(Driver::MySql(MySqlConnection::connect(&url).await?))
                }
                Kind::MongoDb => {
                    let client = Client::with_uri_str(drivers_url(url)).await?;
                    client.default_database().map(Driver::MongoDb)
                }
            })
        });
        let driver = driver.await?;
        Ok(driver.map(|driver| Self { driver, limit }))
    }

    /// Whether there is a table or collection of this name. It is an error if none can have it.
    pub(super) async fn has(&mut self, name: &str) -> Result<bool, BoxError> {
        let Self { driver, limit } = self;
        let look = async {
            Ok(match driver {
                Driver::Postgres(connection) => {
                    let look = format!("SELECT to_regclass('{}') IS NOT NULL", quoted(name, '"'));
                    let look = sqlx::raw_sql(AssertSqlSafe(look));
                    look.fetch_one(connection).await?.try_get(0)?
                }
                Driver::MySql(connection) => {
                    let (schema, table) = match name.split_once('.') {
                        None => ("DATABASE()".to_owned(), name),
                        Some((schema, table)) => (format!("'{schema}'"), table),
                    };
                    let look = format!(
                        "SELECT 1 FROM information_schema.tables \
                         WHERE table_schema = {schema} AND table_name = '{table}'"
                    );
                    let look = sqlx::raw_sql(AssertSqlSafe(look));
                    look.fetch_optional(connection).await?.is_some()
                }
                Driver::MongoDb(database) => {
                    MongoDbStore::new(database.clone()).with_collection(name)?;
                    let names = database.list_collection_names();
                    !names.filter(doc! { "name": name }).await?.is_empty()
                }
            })
        };
        within(*limit, look).await
    }

    /// Removes a table or collection, if it is there.
    pub(super) async fn remove(&mut self, name: &str) -> Result<(), BoxError> {
        let Self { driver, limit } = self;
        let removal = async {
            match driver {
                Driver::Postgres(connection) => {
                    let drop = format!("DROP TABLE IF EXISTS {}", quoted(name, '"'));
                    let drop = sqlx::raw_sql(AssertSqlSafe(drop));
                    drop.execute(connection).await?;
                }
                Driver::MySql(connection) => {
                    let drop = format!("DROP TABLE IF EXISTS {}", quoted(name, '`'));
                    let drop = sqlx::raw_sql(AssertSqlSafe(drop));
                    drop.execute(connection).await?;
                }
                Driver::MongoDb(database) => database.collection::<()>(name).drop().await?,
            }
            Ok(())
        };
        within(*limit, removal).await
    }

    pub(super) async fn close(self) -> Result<(), BoxError> {
        let Self { driver, limit } = self;
        within(limit, async {
            match driver {
                Driver::Postgres(connection) => connection.close().await?,
                Driver::MySql(connection) => connection.close().await?,
                Driver::MongoDb(database) => database.client().clone().shutdown().await,
            }
            Ok(())
        })
        .await
    }
}

async fn within<T>(
    limit: Duration,
    step: impl Future<Output = Result<T, BoxError>>,
) -> Result<T, BoxError> {
    timeout(limit, step)
        .await
        .map_err(|_| "the database gave no answer in time")?
}

/// A name, or two with a dot between them, which the store has found to be letters, digits and underscores.
fn quoted(name: &str, quote: char) -> String {
    let names: Vec<_> = name
        .split('.')
        .map(|name| format!("{quote}{name}{quote}"))
        .collect();
    names.join(".")
}

/// A MongoDB URL without the parameters that are the store's own.
fn drivers_url(url: &str) -> String {
    const OURS: [&str; 4] = ["collection", "session_max_age", "timeout", "max_value"];
    let Some((place, query)) = url.split_once('?') else {
        return url.to_owned();
    };
    let theirs: Vec<_> = query
        .split('&')
        .filter(|parameter| !OURS.contains(&parameter.split('=').next().unwrap_or_default()))
        .collect();
    format!("{place}?{}", theirs.join("&"))
}
