//! What is SQLite's own: files, locks, crashes, schemas, sweeping.
#![allow(clippy::unwrap_used, reason = "a test panics on the unexpected")]

use std::io::{BufRead, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use session_store_api::{
    AtomicSessionStore, Condition, Error, ErrorKind, MaxAge, SessionKey, SessionStore,
};
use session_store_sqlite::sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};
use session_store_sqlite::sqlx::{self, Connection, SqliteConnection, SqlitePool};
use session_store_sqlite::{SqliteStore, migration_sql};
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

/// Longer than any test.
const LASTING: MaxAge = MaxAge::After(Duration::from_secs(3600));

/// The URL of the child of [`kill_9_loses_nothing_acknowledged`].
const CHILD: &str = "SESSION_STORE_SQLITE_TEST_CHILD";

fn key(name: impl std::fmt::Display) -> SessionKey {
    SessionKey::new(name.to_string()).unwrap()
}

fn url(folder: &Path, file: &str) -> String {
    format!("sqlite:{}", folder.join(file).display())
}

/// The error of something that must not work, and all that it shows.
fn refused<T>(answer: Result<T, Error>, kind: ErrorKind, hint: &str) {
    let error = answer.err().expect("an error");
    assert_eq!(error.kind(), kind, "{error}: {error:?}");
    assert!(
        error.to_string().contains(hint),
        "{hint:?} is not in: {error}"
    );
}

/// Another connection to the file, as another process would have.
async fn stranger(url: &str) -> SqliteConnection {
    SqliteConnection::connect(url).await.unwrap()
}

async fn run(connection: &mut SqliteConnection, sql: &'static str) {
    sqlx::query(sql).execute(connection).await.unwrap();
}

async fn count(url: &str, sql: &'static str) -> i64 {
    sqlx::query_scalar(sql)
        .fetch_one(&mut stranger(url).await)
        .await
        .unwrap()
}

#[tokio::test]
async fn a_record_is_the_row_that_the_readme_shows() {
    let folder = TempDir::new().unwrap();
    let url = url(folder.path(), "a.db");
    let store = SqliteStore::connect(&url).await.unwrap();
    store
        .set(&key("k"), b"v", MaxAge::After(Duration::from_secs(60)))
        .await
        .unwrap();
    let (key, value, left): (String, Vec<u8>, i64) = sqlx::query_as(
        "SELECT key, value, expires_at - CAST(ROUND(unixepoch('subsec') * 1000) AS INTEGER) FROM sessions",
    )
    .fetch_one(&mut stranger(&url).await)
    .await
    .unwrap();
    assert_eq!((key.as_str(), value.as_slice()), ("k", &b"v"[..]));
    assert!((1..=60_001).contains(&left), "{left} ms");
    assert_eq!(
        format!("{store:?}"),
        "SqliteStore { table: \"sessions\", .. }"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lock_of_2_s_is_waited_for_and_readers_do_not_even_wait() {
    let folder = TempDir::new().unwrap();
    let url = url(folder.path(), "a.db");
    let store = SqliteStore::connect(&format!("{url}?timeout=60s"))
        .await
        .unwrap();
    store.set(&key("k"), b"old", LASTING).await.unwrap();

    let mut locker = stranger(&url).await;
    run(&mut locker, "BEGIN IMMEDIATE").await;
    let write = tokio::spawn({
        let store = store.clone();
        async move { store.set(&key("k"), b"new", LASTING).await }
    });
    let until = Instant::now() + Duration::from_secs(2);
    while Instant::now() < until {
        assert_eq!(store.get(&key("k")).await.unwrap().unwrap(), b"old");
        sleep(Duration::from_millis(50)).await;
    }
    assert!(!write.is_finished(), "a write went past the lock");
    run(&mut locker, "ROLLBACK").await;
    write.await.unwrap().unwrap();
    assert_eq!(store.get(&key("k")).await.unwrap().unwrap(), b"new");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lock_for_longer_than_the_timeout_is_a_timeout_and_harms_nothing() {
    let folder = TempDir::new().unwrap();
    let url = url(folder.path(), "a.db");
    let store = SqliteStore::connect(&format!("{url}?timeout=1s"))
        .await
        .unwrap();
    store.set(&key("k"), b"old", LASTING).await.unwrap();

    let mut locker = stranger(&url).await;
    run(&mut locker, "BEGIN IMMEDIATE").await;
    let (key, new) = (key("k"), b"new");
    let (set, set_if, touch, destroy) = tokio::join!(
        store.set(&key, new, LASTING),
        store.set_if(&key, Condition::Present, new, LASTING),
        store.touch(&key, LASTING),
        store.destroy(&key),
    );
    refused(set, ErrorKind::Timeout, "locked by somebody else");
    refused(set_if, ErrorKind::Timeout, "");
    refused(touch, ErrorKind::Timeout, "");
    refused(destroy, ErrorKind::Timeout, "");
    refused(
        SqliteStore::connect(&format!("{url}?timeout=200ms")).await,
        ErrorKind::Timeout,
        "locked",
    );
    run(&mut locker, "ROLLBACK").await;

    assert_eq!(
        store.get(&key).await.unwrap().unwrap(),
        b"old",
        "what was refused is not applied later"
    );
    store.set(&key, new, LASTING).await.unwrap();
    assert_eq!(store.get(&key).await.unwrap().unwrap(), new);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kill_9_loses_nothing_acknowledged() {
    const CALLERS: usize = 32;
    let folder = TempDir::new().unwrap();
    let url = url(folder.path(), "a.db");
    for round in 0..3 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "the_child_that_is_killed",
                "--ignored",
                "--nocapture",
            ])
            .env(CHILD, &url)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        // Every line is an acknowledged write: the caller, and its how manieth write it was.
        let mut acknowledged = [None; CALLERS];
        let mut lines = 0;
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            let line = line.unwrap();
            let Some((caller, number)) = line
                .strip_prefix("wrote ")
                .and_then(|rest| rest.split_once(' '))
            else {
                continue;
            };
            // The last line may have been cut off by the kill.
            let (Ok(caller), Some(number)) = (caller.parse::<usize>(), number.strip_suffix('.'))
            else {
                continue;
            };
            acknowledged[caller] = Some(number.parse::<u64>().unwrap());
            lines += 1;
            if lines == 500 {
                child.kill().unwrap(); // SIGKILL
            }
        }
        child.wait().unwrap();
        assert!(lines >= 500, "round {round}: only {lines} writes");

        let store = SqliteStore::connect(&url).await.unwrap();
        for (caller, number) in acknowledged.iter().enumerate() {
            let Some(number) = number else { continue };
            let value = store
                .get(&key(format_args!("caller-{caller}")))
                .await
                .unwrap()
                .expect("the record");
            let found: u64 = String::from_utf8(value)
                .unwrap()
                .trim_end_matches('x')
                .parse()
                .unwrap();
            assert!(
                found >= *number,
                "round {round}: caller {caller} was told {number}, the file has {found}"
            );
        }
    }
}

#[test]
#[ignore = "the child that another test starts and kills"]
fn the_child_that_is_killed() {
    let url = std::env::var(CHILD).expect("another test starts this one");
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let store = SqliteStore::connect(&url).await.unwrap();
        let callers = (0..32).map(|caller| {
            let store = store.clone();
            tokio::spawn(async move {
                for number in 0_u64.. {
                    let value = format!("{number}{}", "x".repeat(1000));
                    let key = key(format_args!("caller-{caller}"));
                    store.set(&key, value.as_bytes(), LASTING).await.unwrap();
                    let mut out = std::io::stdout().lock();
                    writeln!(out, "wrote {caller} {number}.").unwrap();
                    out.flush().unwrap();
                }
            })
        });
        for caller in callers.collect::<Vec<_>>() {
            caller.await.unwrap();
        }
    });
}

#[tokio::test]
async fn what_cannot_be_opened_says_why() {
    let folder = TempDir::new().unwrap();
    let open = async |rest: &str| SqliteStore::connect(&url(folder.path(), rest)).await;
    refused(
        open("missing/a.db").await,
        ErrorKind::Config,
        "missing\" of the database file is not there",
    );
    refused(open("").await, ErrorKind::Config, "names a directory");
    refused(
        SqliteStore::connect("sqlite:").await,
        ErrorKind::Config,
        "names no file",
    );
    refused(
        SqliteStore::connect("sqlite://").await,
        ErrorKind::Config,
        "names no file",
    );
    for (parameter, hint) in [
        (
            "tabel=x",
            "no parameter `tabel`; there are table, session_max_age, timeout, max_value, synchronous",
        ),
        ("table=two words", "`table` must be"),
        ("table=", "`table` must be"),
        ("table=1st", "`table` must be"),
        ("table=sqlite_master", "`table` must be"),
        ("table=a%22b", "`table` must be"),
        (
            "session_max_age=0s",
            "`session_max_age` must be more than zero",
        ),
        (
            "session_max_age=soon",
            "`session_max_age` is not a duration",
        ),
        ("timeout=0ms", "`timeout` must be more than zero"),
        ("max_value=0", "`max_value` must be"),
        ("max_value=2GB", "`max_value` must be"),
        ("synchronous=off", "`synchronous` must be normal or full"),
    ] {
        refused(
            open(&format!("a.db?{parameter}")).await,
            ErrorKind::Config,
            hint,
        );
    }
    assert!(
        !folder.path().join("a.db").exists(),
        "a refused URL creates no file"
    );
}

#[tokio::test]
async fn a_file_of_something_else_is_corrupt_and_stays_as_it_is() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("notes.txt");
    let text = "not a database, but somebody's notes ".repeat(200);
    std::fs::write(&file, &text).unwrap();
    refused(
        SqliteStore::connect(&url(folder.path(), "notes.txt")).await,
        ErrorKind::Corrupt,
        "not an SQLite database",
    );
    assert_eq!(std::fs::read_to_string(&file).unwrap(), text);
}

#[tokio::test]
async fn a_damaged_file_is_corrupt_and_never_an_answer() {
    let folder = TempDir::new().unwrap();
    let url = url(folder.path(), "a.db");
    let store = SqliteStore::connect(&url).await.unwrap();
    for number in 0..200 {
        store.set(&key(number), &[7; 500], LASTING).await.unwrap();
    }
    run(&mut stranger(&url).await, "PRAGMA wal_checkpoint(TRUNCATE)").await;
    drop(store);
    let file = folder.path().join("a.db");
    let mut bytes = std::fs::read(&file).unwrap();
    // Everything but the first page, which says that it is a database and names the tables.
    bytes[4096..].fill(0xEE);
    std::fs::write(&file, bytes).unwrap();

    let store = SqliteStore::new(SqlitePool::connect(&url).await.unwrap());
    refused(store.get(&key(7)).await, ErrorKind::Corrupt, "damaged");
    refused(
        store.set(&key(7), b"v", LASTING).await,
        ErrorKind::Corrupt,
        "damaged",
    );
}

#[tokio::test]
async fn a_table_of_another_shape_is_refused_and_left_alone() {
    let folder = TempDir::new().unwrap();
    let url = url(folder.path(), "a.db");
    let mut owner = SqliteConnection::connect(&format!("{url}?mode=rwc"))
        .await
        .unwrap();
    run(
        &mut owner,
        "CREATE TABLE sessions (id INTEGER PRIMARY KEY, data TEXT)",
    )
    .await;
    run(
        &mut owner,
        "CREATE TABLE nearly (key TEXT, value BLOB, expires_at INTEGER)",
    )
    .await;
    for table in ["sessions", "nearly"] {
        let opened = SqliteStore::connect(&format!("{url}?table={table}")).await;
        refused(
            opened,
            ErrorKind::Config,
            "has other columns than `key`, `value` and `expires_at`",
        );
    }
    assert_eq!(
        count(&url, "SELECT count(*) FROM sqlite_master").await,
        2,
        "nothing was created beside"
    );
    SqliteStore::connect(&format!("{url}?table=ours"))
        .await
        .unwrap();
}

#[tokio::test]
async fn a_missing_table_names_migrate() {
    let folder = TempDir::new().unwrap();
    let url = format!("{}?mode=rwc", url(folder.path(), "a.db"));
    let store = SqliteStore::new(SqlitePool::connect(&url).await.unwrap());
    refused(store.get(&key("k")).await, ErrorKind::Config, "`migrate()`");
    refused(
        store.set(&key("k"), b"v", LASTING).await,
        ErrorKind::Config,
        "`migrate()`",
    );
    store.migrate().await.unwrap();
    store.set(&key("k"), b"v", LASTING).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_may_migrate_at_once_and_again() {
    let folder = TempDir::new().unwrap();
    let url = url(folder.path(), "a.db");
    let opening = (0..10).map(|_| {
        tokio::spawn({
            let url = format!("{url}?timeout=60s");
            async move { SqliteStore::connect(&url).await }
        })
    });
    for opened in opening.collect::<Vec<_>>() {
        let store = opened.await.unwrap().unwrap();
        store.migrate().await.unwrap();
        store.set(&key("k"), b"v", LASTING).await.unwrap();
    }
}

#[tokio::test]
async fn migration_sql_is_all_that_a_pool_of_ones_own_needs() {
    let folder = TempDir::new().unwrap();
    let url = format!("{}?mode=rwc", url(folder.path(), "a.db"));
    let pool = SqlitePool::connect(&url).await.unwrap();
    for _ in 0..2 {
        sqlx::raw_sql(sqlx::AssertSqlSafe(migration_sql("logins").unwrap()))
            .execute(&pool)
            .await
            .unwrap();
    }
    let store = SqliteStore::new(pool.clone()).with_table("logins").unwrap();
    store.set(&key("k"), b"v", LASTING).await.unwrap();
    drop(store);
    let keys: Vec<String> = sqlx::query_scalar("SELECT key FROM logins")
        .fetch_all(&pool)
        .await
        .unwrap();
    assert_eq!(keys, ["k"], "the caller's pool is still open");
    refused(
        migration_sql("a; DROP TABLE b"),
        ErrorKind::Config,
        "`table`",
    );
}

#[tokio::test]
async fn a_read_only_database_is_a_setting_to_change() {
    let folder = TempDir::new().unwrap();
    let url = url(folder.path(), "a.db");
    let store = SqliteStore::connect(&url).await.unwrap();
    store.set(&key("k"), b"v", LASTING).await.unwrap();
    let options = SqliteConnectOptions::new()
        .filename(folder.path().join("a.db"))
        .read_only(true);
    let reader = SqliteStore::new(SqlitePool::connect_with(options).await.unwrap());
    assert_eq!(reader.get(&key("k")).await.unwrap().unwrap(), b"v");
    refused(
        reader.set(&key("k"), b"w", LASTING).await,
        ErrorKind::Config,
        "read-only",
    );
    refused(
        reader.destroy(&key("k")).await,
        ErrorKind::Config,
        "read-only",
    );
    refused(
        reader.with_table("another").unwrap().migrate().await,
        ErrorKind::Config,
        "read-only",
    );
    assert_eq!(store.get(&key("k")).await.unwrap().unwrap(), b"v");
}

#[tokio::test]
async fn a_full_disk_is_unavailable_and_loses_nothing() {
    let disk = SmallDisk::new();
    let store = disk.store().await;
    let value = [7; 10_000];
    let mut written = 0;
    let error = loop {
        match store.set(&key(written), &value, LASTING).await {
            Ok(()) => written += 1,
            Err(error) => break error,
        }
        assert!(written < 1_000, "the disk never filled up");
    };
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}: {error:?}");
    assert!(error.to_string().contains("full"), "{error}");
    for number in 0..written {
        assert_eq!(
            store.get(&key(number)).await.unwrap().unwrap(),
            value,
            "record {number} of {written}"
        );
    }
    assert_eq!(store.get(&key(written)).await.unwrap(), None);
}

/// A tmpfs of a few pages, or where it cannot be mounted a database of a few pages.
struct SmallDisk {
    folder: TempDir,
    mounted: bool,
}

impl SmallDisk {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let mut mount = Command::new("mount");
        mount
            .args(["-t", "tmpfs", "-o", "size=1m", "tmpfs"])
            .arg(folder.path());
        let mounted = mount
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success());
        Self { folder, mounted }
    }

    async fn store(&self) -> SqliteStore {
        let file = self.folder.path().join("a.db");
        if self.mounted {
            return SqliteStore::connect(&format!("sqlite:{}", file.display()))
                .await
                .unwrap();
        }
        let options = SqliteConnectOptions::new()
            .filename(file)
            .create_if_missing(true)
            .pragma("max_page_count", "200");
        let store = SqliteStore::new(
            SqlitePoolOptions::new()
                .max_connections(1)
                .connect_with(options)
                .await
                .unwrap(),
        );
        store.migrate().await.unwrap();
        store
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        if self.mounted {
            // Lazily, for the store's connections close in their own time.
            let _ = Command::new("umount")
                .arg("-l")
                .arg(self.folder.path())
                .status();
        }
    }
}

#[tokio::test]
async fn writing_sweeps_twice_what_it_writes_and_sweep_is_bounded() {
    const EXPIRED: i64 = 300;
    let folder = TempDir::new().unwrap();
    let url = url(folder.path(), "a.db");
    let store = SqliteStore::connect(&url).await.unwrap();
    for number in 0..EXPIRED {
        let sql = "INSERT INTO sessions (key, value, expires_at) VALUES (?, x'00', ?)";
        let insert = sqlx::query(sql)
            .bind(format!("expired-{number:03}"))
            .bind(number);
        insert.execute(&mut stranger(&url).await).await.unwrap();
    }
    let expired = async || {
        count(
            &url,
            "SELECT count(*) FROM sessions WHERE key LIKE 'expired%'",
        )
        .await
    };
    assert_eq!(
        store.get(&key("expired-000")).await.unwrap(),
        None,
        "never read, swept or not"
    );

    assert_eq!(store.sweep(0).await.unwrap(), 0);
    assert_eq!(store.sweep(10).await.unwrap(), 10);
    let oldest = "SELECT min(expires_at) FROM sessions WHERE key LIKE 'expired%'";
    assert_eq!(count(&url, oldest).await, 10, "the oldest go first");

    for number in 0..100 {
        store.set(&key(number), b"live", LASTING).await.unwrap();
    }
    let left = expired().await;
    // Two for each write, but for the few that are due with the next.
    assert!(
        (EXPIRED - 10 - 200..=EXPIRED - 10 - 200 + 32).contains(&left),
        "{left} are left"
    );
    assert_eq!(
        store.sweep(u32::MAX).await.unwrap(),
        u64::try_from(left).unwrap()
    );
    assert_eq!(
        count(&url, "SELECT count(*) FROM sessions").await,
        100,
        "what lives stays"
    );
}

#[tokio::test]
async fn every_statement_finds_its_records_by_an_index() {
    let folder = TempDir::new().unwrap();
    let url = url(folder.path(), "a.db");
    SqliteStore::connect(&url).await.unwrap();
    let mut connection = stranger(&url).await;
    for sql in [
        "SELECT key, value FROM sessions WHERE key IN (?, ?) AND expires_at > 1",
        "UPDATE sessions AS record SET value = new.column2 FROM (VALUES (?, ?), (?, ?)) AS new \
         WHERE record.key = new.column1 AND record.expires_at > 1",
        "DELETE FROM sessions WHERE key IN (?, ?)",
        "DELETE FROM sessions WHERE key IN (SELECT key FROM sessions WHERE expires_at <= 1 ORDER BY expires_at LIMIT 9)",
    ] {
        let explain = format!("EXPLAIN QUERY PLAN {sql}");
        let plan: Vec<(i64, i64, i64, String)> = sqlx::query_as(sqlx::AssertSqlSafe(explain))
            .fetch_all(&mut connection)
            .await
            .unwrap();
        let scans = plan
            .iter()
            .filter(|(.., step)| step.starts_with("SCAN") && step.contains("sessions"));
        let sorts = plan
            .iter()
            .filter(|(.., step)| step.contains("TEMP B-TREE"));
        assert_eq!((scans.count(), sorts.count()), (0, 0), "{sql}: {plan:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_handles_under_load_both_get_their_turn() {
    let folder = TempDir::new().unwrap();
    let url = url(folder.path(), "a.db");
    let busy = SqliteStore::connect(&url).await.unwrap();
    let callers: Vec<_> = (0..32)
        .map(|caller| {
            let busy = busy.clone();
            tokio::spawn(async move {
                loop {
                    busy.set(&key(caller), &[7; 1000], LASTING).await.unwrap();
                }
            })
        })
        .collect();
    let other = SqliteStore::connect(&url).await.unwrap();
    for number in 0..50 {
        other
            .set(&key(format_args!("other-{number}")), b"v", LASTING)
            .await
            .unwrap();
    }
    callers.iter().for_each(tokio::task::JoinHandle::abort);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_on_one_record_in_one_batch_keep_their_order() {
    let store = SqliteStore::connect("sqlite::memory:").await.unwrap();
    let key = key("k");
    for round in 0..200 {
        // Polled in this order, so queued in this order; most of them share batches.
        let (set, absent, present, unchanged, destroy, after) = tokio::join!(
            store.set(&key, b"1", LASTING),
            store.set_if(&key, Condition::Absent, b"no", LASTING),
            store.set_if(&key, Condition::Present, b"2", LASTING),
            store.set_if(&key, Condition::Unchanged(b"2"), b"3", LASTING),
            store.destroy(&key),
            store.touch(&key, LASTING),
        );
        set.unwrap();
        destroy.unwrap();
        let answers = (
            absent.unwrap(),
            present.unwrap(),
            unchanged.unwrap(),
            after.unwrap(),
        );
        assert_eq!(answers, (false, true, true, false), "round {round}");
        assert_eq!(store.get(&key).await.unwrap(), None, "round {round}");
    }
}
