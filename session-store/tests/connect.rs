//! From a URL to a store, and from a wrong URL to an error that helps.
#![allow(clippy::unwrap_used, reason = "a test panics on the unexpected")]

use std::error::Error as _;

use session_store::{Error, ErrorKind, connect};
#[cfg(any(feature = "memory", feature = "sqlite", feature = "redis"))]
use session_store::{MaxAge, SessionKey};

/// The error of a URL that must not open.
async fn refused(url: &str) -> Error {
    connect(url).await.expect_err("the URL is wrong")
}

/// Everything that an error can show.
fn shown(error: &Error) -> String {
    let mut shown = format!("{error} {error:?}");
    let mut source = error.source();
    while let Some(cause) = source {
        shown += &format!(" {cause} {cause:?}");
        source = cause.source();
    }
    shown
}

#[cfg(any(feature = "memory", feature = "sqlite", feature = "redis"))]
async fn keeps_a_record(url: &str) {
    let store = connect(url).await.unwrap();
    let key: SessionKey = "k".parse().unwrap();
    store.set(&key, b"v", MaxAge::Session).await.unwrap();
    assert_eq!(store.get(&key).await.unwrap().unwrap(), b"v");
    assert!(store.touch(&key, MaxAge::Session).await.unwrap());
}

#[tokio::test]
async fn a_url_without_a_scheme_is_told_how_to_get_one() {
    for url in [
        "sessions.db",
        "./a:b",
        "/var/lib/x:y",
        "C:\\x\\sessions.db",
        ":memory:",
        " memory:",
    ] {
        let error = refused(url).await;
        assert_eq!(error.kind(), ErrorKind::Config, "{url}");
        assert!(
            error.to_string().contains("`sqlite:sessions.db`"),
            "{error}"
        );
    }
    let error = refused("").await;
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.to_string().contains("the URL is empty"), "{error}");
}

#[tokio::test]
async fn an_unknown_scheme_is_told_the_known_ones() {
    for scheme in ["sqlite3", "mem", "file", "mysterydb+tls"] {
        let error = refused(&format!("{scheme}://somewhere")).await;
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(
            error.to_string().contains(&format!("`{scheme}`")),
            "{error}"
        );
        #[cfg(feature = "memory")]
        assert!(error.to_string().contains("`memory:`"), "{error}");
        #[cfg(feature = "sqlite")]
        assert!(error.to_string().contains("`sqlite:`"), "{error}");
        #[cfg(feature = "redis")]
        assert!(error.to_string().contains("`redis-sentinel:`"), "{error}");
        #[cfg(not(any(feature = "memory", feature = "sqlite", feature = "redis")))]
        assert!(error.to_string().contains("enable a feature"), "{error}");
    }
}

#[tokio::test]
async fn an_error_shows_no_password_and_no_value() {
    for url in [
        "mysterydb://user:hunter2@host/?password=hunter2",
        "//user:hunter2@host",
        "memory:?password=hunter2",
        "memory:?max_bytes=hunter2",
        "redis://:hunter2@[",
        "redis://:hunter2@127.0.0.1:1",
        "redis-cluster://u:hunter2@127.0.0.1/?password=hunter2",
        "redis+unix:///no/such/socket?password=hunter2",
        "sqlite:x.db?password=hunter2",
        "sqlite:x.db?session_max_age=hunter2",
        "sqlite://user:hunter2@host/x.db?password=hunter2",
    ] {
        let error = refused(url).await;
        assert!(!shown(&error).contains("hunter2"), "{}", shown(&error));
    }
}

#[cfg(not(feature = "memory"))]
#[tokio::test]
async fn memory_left_out_names_its_feature() {
    let error = refused("memory:").await;
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(
        error.to_string().contains("enable the feature \"memory\""),
        "{error}"
    );
}

#[cfg(not(feature = "sqlite"))]
#[tokio::test]
async fn sqlite_left_out_names_its_feature() {
    let error = refused("sqlite::memory:").await;
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(
        error.to_string().contains("enable the feature \"sqlite\""),
        "{error}"
    );
}

#[cfg(not(feature = "redis"))]
#[tokio::test]
async fn redis_left_out_names_its_feature() {
    for scheme in ["redis", "rediss", "redis-cluster"] {
        let error = refused(&format!("{scheme}://host")).await;
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(
            error.to_string().contains("enable the feature \"redis\""),
            "{error}"
        );
    }
}

#[cfg(feature = "memory")]
#[tokio::test]
async fn memory() {
    keeps_a_record("memory:").await;
    keeps_a_record("Memory:").await;
    keeps_a_record("memory:?max_bytes=64MiB&session_max_age=30m").await;
    for (url, parameter) in [
        ("memory:?max_byte=1", "max_byte"),
        ("memory:?max_bytes=lots", "max_bytes"),
        ("memory:?max_bytes=", "max_bytes"),
        ("memory:?session_max_age=soon", "session_max_age"),
    ] {
        let error = refused(url).await;
        assert_eq!(error.kind(), ErrorKind::Config, "{url}");
        assert!(error.to_string().contains(parameter), "{error}");
    }
}

#[cfg(feature = "sqlite")]
#[tokio::test]
async fn sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sessions.db");
    let url = format!("sqlite:{}", file.display());
    keeps_a_record("sqlite::memory:").await;
    keeps_a_record(&url).await;
    keeps_a_record(&url.replace("sqlite:", "SQLite:")).await;
    keeps_a_record(&format!("{url}?table=web_sessions&session_max_age=30m")).await;
    for (query, parameter) in [
        ("tables=x", "tables"),
        ("table=drop%20table", "table"),
        ("session_max_age=soon", "session_max_age"),
    ] {
        let error = refused(&format!("{url}?{query}")).await;
        assert_eq!(error.kind(), ErrorKind::Config, "{query}");
        assert!(error.to_string().contains(parameter), "{error}");
    }
}

#[cfg(feature = "sqlite")]
#[tokio::test]
async fn sqlite_in_a_folder_that_is_not_there() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("missing").join("sessions.db");
    refused(&format!("sqlite:{}", file.display())).await;
}

#[cfg(feature = "redis")]
#[tokio::test]
async fn redis() {
    use test_servers::{Kind, TestServer};

    let server = TestServer::start(Kind::Redis).await.unwrap();
    let url = server.url();
    keeps_a_record(url).await;
    keeps_a_record(&url.replace("redis:", "REDIS:")).await;
    keeps_a_record(&format!("{url}?prefix=web:&session_max_age=30m&timeout=9s")).await;
    for (query, parameter) in [
        ("prefixes=x", "prefixes"),
        ("prefix=two%20words", "prefix"),
        ("timeout=soon", "timeout"),
        ("max_value=0", "max_value"),
        ("ca=file.pem", "ca"),
    ] {
        let error = refused(&format!("{url}?{query}")).await;
        assert_eq!(error.kind(), ErrorKind::Config, "{query}");
        assert!(error.to_string().contains(parameter), "{error}");
    }
}
