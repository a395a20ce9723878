//! Drives the built binary.
#![allow(clippy::unwrap_used, reason = "a test panics on the unexpected")]

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use session_store::mysql::sqlx::MySqlConnection;
use session_store::postgres::sqlx::PgConnection;
use session_store::sqlite::sqlx::sqlite::SqliteConnectOptions;
use session_store::sqlite::sqlx::{self, ConnectOptions, Connection};
use session_store::{MaxAge, SessionKey};
use test_servers::{Kind, TestServer};

/// What the command answered.
struct Answer {
    code: i32,
    stdout: String,
    stderr: String,
}

/// Runs `session-store check` with these arguments, its output piped.
fn check(args: &[&str]) -> Answer {
    session_store(&[&["check"], args].concat())
}

fn session_store(args: &[&str]) -> Answer {
    answer(Command::new(env!("CARGO_BIN_EXE_session-store")).args(args))
}

fn answer(command: &mut Command) -> Answer {
    let Output {
        status,
        stdout,
        stderr,
    } = command
        .stdin(Stdio::null())
        .env_remove("SESSION_STORE_SEED")
        .output()
        .unwrap();
    let answer = Answer {
        code: status.code().unwrap(),
        stdout: String::from_utf8(stdout).unwrap(),
        stderr: String::from_utf8(stderr).unwrap(),
    };
    for text in [&answer.stdout, &answer.stderr] {
        assert!(!text.contains('\x1B'), "no escape sequences in a pipe");
        assert!(!text.contains("panicked at"), "{text}");
    }
    let reasons = answer.stderr.lines().map(|line| {
        line.trim_start_matches("session-store: ")
            .trim_start_matches("  because: ")
    });
    let reasons: Vec<_> = reasons.filter(|line| !line.is_empty()).collect();
    let repeats = reasons.windows(2).any(|pair| pair[0] == pair[1]);
    assert!(!repeats, "a reason is there twice: {}", answer.stderr);
    answer
}

/// The answer to a URL that cannot be checked: nothing is printed, and the reason names this.
fn check_in_vain(url: &str, named: &str) {
    let answer = check(&[url, "--only", "c01"]);
    let said = format!("{named}: {}{}", answer.stdout, answer.stderr);
    assert_eq!((answer.code, answer.stdout.as_str()), (2, ""), "{said}");
    assert!(answer.stderr.contains(named), "{said}");
}

/// The URL with one more parameter.
fn with(url: &str, parameter: &str) -> String {
    let sign = if url.contains('?') { '&' } else { '?' };
    format!("{url}{sign}{parameter}")
}

/// Everything in the database but what SQLite keeps for itself.
async fn names_in(file: &Path) -> Vec<String> {
    let options = SqliteConnectOptions::new().filename(file);
    let mut database = options.connect().await.unwrap();
    sqlx::query_scalar(
        "SELECT name FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%' ORDER BY name",
    )
    .fetch_all(&mut database)
    .await
    .unwrap()
}

#[test]
fn a_store_that_keeps_the_contract() {
    for url in ["memory:", "sqlite::memory:"] {
        let answer = check(&[url, "--only", "C01,c05"]);
        assert_eq!(answer.code, 0, "{}{}", answer.stdout, answer.stderr);
        assert_eq!(answer.stderr, "");
        assert!(answer.stdout.contains("c01_missing_is_none"));
        assert!(answer.stdout.contains("keeps the contract"));
        assert!(!answer.stdout.contains("c02_"), "only what was asked for");
    }
}

#[test]
fn every_case_for_a_store_in_memory() {
    let answer = check(&["memory:"]);
    assert_eq!(answer.code, 0, "{}{}", answer.stdout, answer.stderr);
    assert!(answer.stdout.contains("c02_"));
    assert!(answer.stdout.contains("a09_"));
}

/// A disk that is full at half a MiB or one (shells differ), where the contract asks for values of 1 MiB.
#[cfg(unix)]
#[test]
fn a_store_that_breaks_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("sessions.db").display());
    let script = r#"trap '' XFSZ; ulimit -f 1024; exec "$@""#;
    let mut shell = Command::new("sh");
    shell.args(["-c", script, "sh", env!("CARGO_BIN_EXE_session-store")]);
    shell.args(["check", &url, "--only", "c01,c02"]);
    let answer = answer(&mut shell);
    assert_eq!(answer.code, 1, "{}{}", answer.stdout, answer.stderr);
    assert!(answer.stdout.contains("FAILED"), "{}", answer.stdout);
    assert!(answer.stdout.contains("sqlite breaks"), "{}", answer.stdout);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn a_database_is_left_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sessions.db");
    let url = format!("sqlite:{}", file.display());
    let store = session_store::connect(&url).await.unwrap();
    let key: SessionKey = "k".parse().unwrap();
    store.set(&key, b"mine", MaxAge::Session).await.unwrap();
    let before = names_in(&file).await;

    // Also while an application has it open.
    let answer = check(&[&url, "--only", "c0,c11,c17,c20"]);
    assert_eq!(answer.code, 0, "{}{}", answer.stdout, answer.stderr);
    assert!(answer.stdout.contains("c20_records_survive_closing"));

    assert_eq!(names_in(&file).await, before);
    assert_eq!(store.get(&key).await.unwrap().unwrap(), b"mine");
}

#[test]
fn a_database_that_was_not_there_is_gone_afterwards() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("sessions.db").display());
    assert_eq!(check(&[&url, "--only", "c03"]).code, 0);
    assert_eq!(check(&[&format!("{url}?tabel=x")]).code, 2);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn redis_keeps_what_is_in_it() {
    a_server_keeps_what_is_in_it(Kind::Redis, "redis").await;
}

#[tokio::test]
async fn postgres_keeps_what_is_in_it() {
    a_server_keeps_what_is_in_it(Kind::Postgres, "postgres").await;
}

#[tokio::test]
async fn mysql_keeps_what_is_in_it() {
    a_server_keeps_what_is_in_it(Kind::MySql, "mysql").await;
}

#[tokio::test]
async fn memcached_keeps_what_is_in_it() {
    a_server_keeps_what_is_in_it(Kind::Memcached, "memcached").await;
}

#[tokio::test]
async fn mongodb_keeps_what_is_in_it() {
    a_server_keeps_what_is_in_it(Kind::MongoDb, "mongodb").await;
}

async fn a_server_keeps_what_is_in_it(kind: Kind, name: &str) {
    let server = TestServer::start(kind).await.unwrap();
    let store = session_store::connect(server.url()).await.unwrap();
    let key: SessionKey = "k".parse().unwrap();
    store.set(&key, b"mine", MaxAge::Session).await.unwrap();

    let answer = check(&[server.url(), "--only", "c01,c03,c05,c11,c17,a04"]);
    assert_eq!(answer.code, 0, "{}{}", answer.stdout, answer.stderr);
    assert!(
        answer
            .stdout
            .contains(&format!("{name} keeps the contract"))
    );
    assert!(answer.stdout.contains("c17_namespaces_that_begin_alike"));
    assert_eq!(store.get(&key).await.unwrap().unwrap(), b"mine");
}

#[test]
fn a_server_that_is_not_there_and_no_password() {
    let nobody = check(&["redis://:hunter2@127.0.0.1:1"]);
    assert_eq!(nobody.code, 2, "{}", nobody.stdout);
    assert!(nobody.stderr.contains("cannot be reached"));
    for scheme in ["redis", "postgres", "mysql", "memcached", "mongodb"] {
        let url = format!("{scheme}://u:hunter2@127.0.0.1:1/d");
        let nobody = check(&[&url]);
        assert_eq!(nobody.code, 2, "{}", nobody.stdout);
        assert!(!nobody.stderr.contains("hunter2"), "{}", nobody.stderr);
    }
}

#[tokio::test]
async fn a_server_that_does_not_answer() {
    // It waits for the end of a line, which neither of the two would ever send.
    let redis = TestServer::start(Kind::Redis).await.unwrap();
    for scheme in ["postgres", "mysql"] {
        let url = format!("{scheme}://u@{}/d?timeout=1s", redis.address());
        check_in_vain(&url, "no answer in time");
    }
    check_in_vain("mongodb://127.0.0.1:1/d?timeout=1s", "because");
}

#[tokio::test]
async fn redis_that_cannot_be_used() {
    for (args, named) in [
        (
            &["--maxmemory", "1", "--maxmemory-policy", "noeviction"][..],
            "memory",
        ),
        (&["--replicaof", "127.0.0.1", "1"], "replica"),
        (
            &["--user", "default", "on", "nopass", "~sess:*", "+@all"],
            "NOPERM",
        ),
    ] {
        let server = TestServer::builder(Kind::Redis).args(args.iter().copied());
        let server = server.start().await.unwrap();
        check_in_vain(&with(server.url(), "timeout=2s"), named);
    }
}

#[tokio::test]
async fn what_an_application_could_not_open() {
    let refused = [
        (Kind::Redis, "prefix=a%20b", "`prefix`"),
        (Kind::Memcached, "prefix=a%20b", "`prefix`"),
        (Kind::MongoDb, "collection=a$b", "`collection`"),
    ];
    for (kind, parameter, named) in refused {
        let server = TestServer::start(kind).await.unwrap();
        check_in_vain(&with(server.url(), parameter), named);
        check_in_vain(&with(server.url(), "session_max_age=0s"), "session_max_age");
    }
}

#[tokio::test]
async fn tables_of_postgres_that_cannot_be_and_that_are_not_made() {
    let server = TestServer::start(Kind::Postgres).await.unwrap();
    let mut database = PgConnection::connect(server.url()).await.unwrap();
    let make = "CREATE TABLE others (id int); CREATE SCHEMA s";
    sqlx::raw_sql(make).execute(&mut database).await.unwrap();
    for (parameter, named) in [
        ("table=a-b", "table"),
        ("table=noschema.t", "schema"),
        ("table=others", "other columns"),
        ("session_max_age=0s", "session_max_age"),
    ] {
        check_in_vain(&with(server.url(), parameter), named);
    }
    let answer = check(&[&with(server.url(), "table=s.mine"), "--only", "c01"]);
    assert_eq!(answer.code, 0, "{}{}", answer.stdout, answer.stderr);

    let names = "SELECT count(*) FROM pg_tables WHERE schemaname IN ('s', 'public')";
    let count = sqlx::query_scalar(names).fetch_one(&mut database).await;
    assert_eq!(count.ok(), Some(1_i64), "`others` alone");
}

#[tokio::test]
async fn tables_of_mysql_that_cannot_be_and_that_are_not_made() {
    let server = TestServer::start(Kind::MySql).await.unwrap();
    let mut database = MySqlConnection::connect(server.url()).await.unwrap();
    let make = "CREATE TABLE others (id int)";
    sqlx::raw_sql(make).execute(&mut database).await.unwrap();
    for (parameter, named) in [
        ("table=a-b", "table"),
        ("table=nodatabase.t", "database"),
        ("table=others", "other columns"),
        ("max_value=4GB", "max_value"),
        ("session_max_age=0s", "session_max_age"),
    ] {
        check_in_vain(&with(server.url(), parameter), named);
    }
    let answer = check(&[&with(server.url(), "table=mine"), "--only", "c01"]);
    assert_eq!(answer.code, 0, "{}{}", answer.stdout, answer.stderr);

    let names = "SELECT count(*) FROM information_schema.tables WHERE table_schema = DATABASE()";
    let count = sqlx::query_scalar(names).fetch_one(&mut database).await;
    assert_eq!(count.ok(), Some(1_i64), "`others` alone");
}

#[test]
fn every_format_to_a_pipe_and_to_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("report");
    let path = file.to_str().unwrap();
    for (format, begins) in [
        ("text", "clause"),
        ("json", "{"),
        ("junit", "<?xml"),
        ("markdown", "#"),
    ] {
        let args = [
            "memory:", "--only", "c01", "--seed", "7", "--format", format,
        ];
        let answer = check(&args);
        assert_eq!(answer.code, 0);
        assert!(answer.stdout.starts_with(begins), "{}", answer.stdout);
        assert!(answer.stdout.contains("c01_missing_is_none") || format == "markdown");

        let answer = check(&[&args[..], &["--output", path]].concat());
        assert_eq!((answer.code, answer.stdout.as_str()), (0, ""));
        assert!(fs::read_to_string(&file).unwrap().starts_with(begins));
    }
}

#[test]
fn json_says_what_was_found() {
    let args = [
        "memory:", "--only", "c01", "--seed", "7", "--format", "json",
    ];
    let report: serde_json::Value = serde_json::from_str(&check(&args).stdout).unwrap();
    assert_eq!(report["suite"], "memory");
    assert_eq!(report["seed"], "7");
    assert_eq!(report["failed"], 0);
    assert!(
        report["cases"]
            .as_array()
            .unwrap()
            .iter()
            .all(|case| case["clause"] == "C01")
    );
}

#[test]
fn what_cannot_be_checked_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let text = folder.path().join("notes.txt");
    fs::write(&text, "not a database").unwrap();
    let not_a_database = format!("sqlite:{}", text.display());
    let no_folder = format!("sqlite:{}/no/sessions.db", folder.path().display());
    let no_output = format!("{}/no/report", folder.path().display());
    for (args, named) in [
        (&[][..], "URL"),
        (&[""], "the URL is empty"),
        (&["sessions.db"], "sqlite:sessions.db"),
        (&["sqlite"], "write `sqlite:sessions.db`"),
        (&["memory"], "write `sqlite:sessions.db`"),
        (&["redis"], "write `sqlite:sessions.db`"),
        (&["sqlite3:sessions.db"], "`sqlite3`"),
        (&["mysterydb://user:hunter2@host"], "`mysterydb`"),
        (&["memory:?password=hunter2"], "password"),
        (&["memory:?max_bytes=hunter2"], "max_bytes"),
        (&[&not_a_database], "sqlite"),
        (&[&no_folder], "directory"),
        (&["memory:", "--only", "c99"], "c99"),
        (&["memory:", "--only", "c01,c99"], "c99"),
        (&["memory:", "--only", ""], "--only"),
        (&["memory:", "--only", "c20"], "nothing was checked"),
        (&["memory:", "--format", "yaml"], "junit"),
        (&["memory:", "--seed", "seven"], "--seed"),
        (
            &["memory:", "--only", "c01", "--output", &no_output],
            "--output",
        ),
        (&["memory:", "--surprise"], "--surprise"),
    ] {
        let answer = check(args);
        assert_eq!(answer.code, 2, "{args:?}: {}", answer.stderr);
        assert!(answer.stderr.contains(named), "{args:?}: {}", answer.stderr);
        assert!(!answer.stderr.contains("hunter2"), "{}", answer.stderr);
    }
    assert_eq!(fs::read(&text).unwrap(), b"not a database");
}

#[test]
fn help_and_version() {
    let help = session_store(&["--help"]);
    assert_eq!(help.code, 0);
    assert!(help.stdout.contains("session-store check memory:"));
    let help = check(&["--help"]);
    assert_eq!(help.code, 0);
    assert!(help.stdout.contains("Exit status: 0"));
    let version = session_store(&["--version"]);
    assert_eq!(version.code, 0);
    assert_eq!(
        version.stdout,
        format!("session-store {}\n", env!("CARGO_PKG_VERSION"))
    );
}
