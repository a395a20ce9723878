//! What can be opened, what cannot, and why; disks that are full, tables that are not ours.

use std::process::{Command, Stdio};

use session_store_api::{ErrorKind, SessionStore};
use session_store_sqlite::sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};
use session_store_sqlite::sqlx::{self, Connection, SqliteConnection, SqlitePool};
use session_store_sqlite::{SqliteStore, migration_sql};
use tempfile::TempDir;

use crate::{LASTING, count, key, refused, run, stranger, url};

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
    refused(reader.migrate().await, ErrorKind::Config, "read-only");
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
