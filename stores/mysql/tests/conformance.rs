//! The suite against MySQL or MariaDB: a server, a pool of one connection made by the caller, and servers of
//! which each is killed and paused.

use std::process::ExitCode;
use std::time::Duration;

use session_store_conformance::{BoxError, Facts, Setup, Skew, Suite};
use session_store_mysql::MySqlStore;
use session_store_mysql::sqlx::mysql::MySqlPoolOptions;
use session_store_mysql::sqlx::{AssertSqlSafe, Executor};
use store_suite::{Elsewhere, Power, SharedServer};
use test_servers::{Kind, StartError, TestServer};

fn main() -> ExitCode {
    store_suite::main(elsewhere, async || {
        let server = SharedServer::new(start().await);
        let suites = [network(&server), one_connection(&server), killed(&server)];
        suites.map(|suite| server.serves(suite))
    })
}

/// A server for all the stores that are open at once, or the one that the environment names.
async fn start() -> Result<TestServer, StartError> {
    // In the furthest time zone, which MariaDB takes from nowhere else.
    let own = TestServer::builder(Kind::MySql)
        .args(["--max-connections=1000"])
        .env("TZ", "HERE-14");
    match own.start().await {
        Err(StartError::Unavailable(_)) => TestServer::start(Kind::MySql).await,
        server => server,
    }
}

/// The store's own connections, over a network that breaks, and under other clocks.
fn network(server: &SharedServer) -> Suite {
    let (shared, skewed, breaking) = (server.clone(), server.clone(), server.clone());
    Suite::atomic("mysql", facts(), move |setup| {
        open(shared.url(), setup, "timeout=20s")
    })
    .skewed(move |setup, skew| {
        let url = skewed.url();
        async move { Elsewhere::open(skew, [&url, setup.namespace(), &zone(skew)]).await }
    })
    .breakable(move |setup| {
        let server = breaking.clone();
        async move {
            let power = Power::over_network(server.get()?)?;
            // MySQL offers TLS unasked; in clear the faults meet the protocol itself.
            let parameters = "timeout=4s&connections=2&ssl-mode=disabled";
            let store = open(power.url().to_owned(), setup, parameters).await?;
            Ok((store, power))
        }
    })
}

/// The time zone of the server's sessions.
fn zone(skew: Skew) -> String {
    match skew {
        Skew::Zone(14) => "SYSTEM".to_owned(), // the server itself is that far east
        Skew::Zone(east) => format!("{east:+03}:00"),
        _ => "+00:00".to_owned(),
    }
}

/// A store whose connections have another time zone, which the store cannot know.
async fn elsewhere([url, table, zone]: [String; 3]) -> Result<MySqlStore, BoxError> {
    let pool = MySqlPoolOptions::new()
        .max_connections(1)
        .after_connect(move |connection, _| {
            let zone = AssertSqlSafe(format!("SET time_zone = '{zone}'"));
            Box::pin(async move { connection.execute(zone).await.map(drop) })
        })
        .connect(&url)
        .await?;
    Ok(MySqlStore::new(pool).with_table(&table)?)
}

/// A server that is killed and paused: one for each time.
fn killed(server: &SharedServer) -> Suite {
    let shared = server.clone();
    let suite = Suite::atomic("mysql-killed", facts(), move |setup| {
        open(shared.url(), setup, "timeout=20s&connections=1")
    });
    suite
        .breakable(|setup| async move {
            let durable = TestServer::builder(Kind::MySql).durable();
            let power = Power::over(durable.start().await?);
            let store = open(power.url().to_owned(), setup, "timeout=4s&connections=2").await?;
            Ok((store, power))
        })
        .only("c20")
}

/// A pool of the caller's with one connection.
fn one_connection(server: &SharedServer) -> Suite {
    let shared = server.clone();
    let suite = Suite::atomic("mysql-pool-of-one", facts(), move |setup| {
        let url = shared.url();
        async move {
            let pool = MySqlPoolOptions::new()
                .max_connections(1)
                .connect(&url)
                .await?;
            let store = MySqlStore::new(pool)
                .with_table(setup.namespace())?
                .with_max_value(1 << 20)?
                .with_timeout(Duration::from_secs(20))?
                .with_session_max_age(setup.session_max_age())?;
            store.migrate().await?;
            Ok(store)
        }
    });
    suite.only("c13").only("c18").only("a04").only("a05")
}

fn facts() -> Facts {
    Facts::new()
        .resolution(Duration::from_millis(2))
        .max_value(1 << 20)
        .timeout(Duration::from_secs(20))
        .durable()
        .shared()
}

async fn open(url: String, setup: Setup, parameters: &str) -> Result<MySqlStore, BoxError> {
    let table = setup.namespace();
    let url = format!("{url}?table={table}&max_value=1MiB&{parameters}");
    let store = MySqlStore::connect(&url).await?;
    Ok(store.with_session_max_age(setup.session_max_age())?)
}
