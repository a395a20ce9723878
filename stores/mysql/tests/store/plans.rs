//! What the server does for each statement, with a million live records.

use session_store_api::{AtomicSessionStore, Condition, SessionStore};
use session_store_mysql::MySqlStore;
use session_store_mysql::sqlx::{self, AssertSqlSafe, Row};

use crate::{LASTING, NUMBERS, connect, key, pool, run, server, stranger};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_statement_finds_its_records_by_an_index() {
    let server = server().await;
    let mut owner = stranger(server.url()).await;
    connect(server.url()).await;
    let million = format!(
        "INSERT INTO sessions (`key`, `value`, expires_at) \
         SELECT CONCAT('key-', LPAD(number, 7, '0')), 'v', (UNIX_TIMESTAMP() + 86400) * 1000 + number * 10 FROM {NUMBERS}"
    );
    run(&mut owner, million).await;

    // What the store says, word for word.
    run(
        &mut owner,
        "SET GLOBAL log_output = 'TABLE'; SET GLOBAL general_log = ON",
    )
    .await;
    let store = MySqlStore::new(pool(server.url(), "DO 0").await);
    for together in [1, 50] {
        let callers: Vec<_> = (0..together)
            .map(|number| tokio::spawn(every_verb(store.clone(), number)))
            .collect();
        for caller in callers {
            caller.await.unwrap();
        }
        store.sweep(1_000).await.unwrap();
    }
    run(&mut owner, "SET GLOBAL general_log = OFF").await;
    let said = "SELECT DISTINCT CAST(argument AS CHAR) FROM mysql.general_log \
                WHERE command_type = 'Execute' AND argument LIKE '%`sessions`%'";
    let said: Vec<String> = sqlx::query_scalar(said)
        .fetch_all(&mut owner)
        .await
        .unwrap();
    assert!(said.len() >= 8, "{said:?}");
    let mut reads = 0;
    for statement in said {
        let explain = AssertSqlSafe(format!("EXPLAIN FORMAT = TRADITIONAL {statement}"));
        let plan = sqlx::raw_sql(explain).fetch_all(&mut owner).await.unwrap();
        for step in plan {
            let text = |column: &str| step.try_get_unchecked::<Option<String>, _>(column).unwrap();
            if statement.starts_with("INSERT") {
                continue; // an insertion finds out by the index itself whether the key is there
            }
            let index = if statement.contains("expires_hour <") {
                "expires"
            } else {
                "PRIMARY"
            };
            // Nothing to do at all is fine too: no record has that key.
            let nothing = text("Extra").is_some_and(|extra| {
                extra.contains("no matching row") || extra.contains("Impossible")
            });
            assert!(
                nothing || text("key").as_deref() == Some(index),
                "{:?} {:?} {:?}: {statement}",
                text("type"),
                text("key"),
                text("Extra")
            );
            reads += 1;
        }
    }
    assert!(reads >= 6, "only {reads} plans");
}

async fn every_verb(store: MySqlStore, number: usize) {
    let key = key(format_args!("key-{:07}", number * 20_000));
    store.get(&key).await.unwrap();
    store.set(&key, b"v", LASTING).await.unwrap();
    assert!(store.touch(&key, LASTING).await.unwrap());
    for condition in [Condition::Present, Condition::Unchanged(b"v")] {
        assert!(store.set_if(&key, condition, b"v", LASTING).await.unwrap());
    }
    store.destroy(&key).await.unwrap();
    assert!(
        store
            .set_if(&key, Condition::Absent, b"v", LASTING)
            .await
            .unwrap()
    );
}
