//! URLs that lead nowhere.

use std::net::TcpListener;
use std::time::Duration;

use session_store_api::{ErrorKind, SessionStore};
use session_store_mongodb::MongoDbStore;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::{LASTING, key, own, refused, with};

#[tokio::test]
async fn what_a_url_may_not_say_is_refused_by_its_name() {
    for (url, hint) in [
        ("mongodb", "write `mongodb://host/database`"),
        ("mongodb:host/db", "write `mongodb://host/database`"),
        ("mongodb://host", "names no database"),
        ("mongodb://host/", "names no database"),
        ("mongodb://host?collection=c", "names no database"),
        (
            "mongodb://host/db?colection=c",
            "colection is an invalid option",
        ),
        (
            "mongodb://host/db?colection=c",
            "there are collection, session_max_age, timeout, max_value",
        ),
        ("mongodb://host/db?collection=", "`collection`"),
        ("mongodb://host/db?collection=a$b", "`collection`"),
        ("mongodb://host/db?collection=system.users", "`collection`"),
        ("mongodb://host/db?collection=a&collection=b", "given twice"),
        ("mongodb://host/db?timeout=0s", "`timeout`"),
        ("mongodb://host/db?timeout=5", "`timeout`"),
        ("mongodb://host/db?session_max_age=0ms", "`session_max_age`"),
        ("mongodb://host/db?max_value=0", "`max_value`"),
        (
            "mongodb://host/db?max_value=8MiB",
            "`max_value` must be 1 to 8000000 bytes",
        ),
        ("mongodb://host/db?w=0", "`w` must be more than 0"),
        (
            "mongodb://host/db?readPreference=secondary",
            "`readPreference` must be primary",
        ),
        ("mongodb://host/db?maxPoolSize=many", "maxpoolsize"),
        ("mongodb://host:port/db", "the port must be"),
    ] {
        let store = MongoDbStore::connect(url).await;
        refused(store, ErrorKind::Config, hint);
    }
}

#[tokio::test]
async fn no_refusal_shows_a_password() {
    for url in [
        "mongodb://user:hunter2@host",
        "mongodb://user:hunter2@host/db?x=y",
        "mongodb://user:hunter2@host:port/db",
        "mongodb://user:hun/ter2hunter2@host/db",
        "mongodb://user:a@hunter2@host/db",
        "mongodb://user:a?hunter2@host/db",
        "mongodb://user:a%hunter2@host/db",
        "mongodb://user:a:hunter2@host/db",
        "mongodb://user:a?collection=hunter2@host/db",
        "mongodb://user:hunter2/a@host/db",
        "mongodb://user:1/a?hunter2=b@host/db",
    ] {
        let shown = refused(MongoDbStore::connect(url).await, ErrorKind::Config, "");
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}

#[tokio::test]
async fn nobody_there_is_an_error_in_time() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let url = format!("mongodb://127.0.0.1:{port}/db?timeout=500ms");
    let error = MongoDbStore::connect(&url).await.unwrap_err();
    assert!(error.kind().is_transient(), "{error:?}");
}

#[tokio::test]
async fn a_server_that_is_no_mongodb_is_an_error_in_time() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(async move {
        loop {
            let (mut client, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let mut asked = [0; 16];
                let _ = client.read(&mut asked).await;
                let _ = client.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
            });
        }
    });
    let url = format!("mongodb://{address}/db?timeout=1s");
    let error = MongoDbStore::connect(&url).await.unwrap_err();
    assert!(error.kind().is_transient(), "{error:?}");
    server.abort();
}

#[tokio::test]
async fn a_server_of_no_set_or_of_another_is_told() {
    let server = own().start().await.unwrap();
    for parameters in ["replicaSet=rs9", "replicaSet=rs9&directConnection=true"] {
        let url = with(server.url(), format!("{parameters}&timeout=2s"));
        let answer = MongoDbStore::connect(&url).await;
        refused(answer, ErrorKind::Unavailable, "that `replicaSet` names");
    }
}

#[tokio::test]
async fn more_members_than_one_server_has_are_told() {
    let server = own().start().await.unwrap();
    let url = with(server.url(), "w=3");
    let written = async {
        let store = MongoDbStore::connect(&url).await?;
        store.set(&key("k"), b"v", LASTING).await
    };
    refused(written.await, ErrorKind::Config, "`w` more than 1");
}

#[cfg(not(feature = "srv"))]
#[tokio::test]
async fn what_was_left_out_names_its_feature() {
    let store = MongoDbStore::connect("mongodb+srv://host/db").await;
    refused(store, ErrorKind::Unsupported, "the feature \"srv\"");
}

#[cfg(feature = "srv")]
#[tokio::test]
async fn hosts_that_dns_does_not_know_are_an_error_in_time() {
    let url = "mongodb+srv://sessions.test.invalid/db?timeout=2s";
    let error = MongoDbStore::connect(url).await.unwrap_err();
    assert!(error.kind().is_transient(), "{error:?}");
}

#[tokio::test]
async fn settings_of_a_store_are_checked_too() {
    use session_store_mongodb::mongodb::Client;
    let client = Client::with_uri_str("mongodb://127.0.0.1:1").await.unwrap();
    let store = || MongoDbStore::new(client.database("db"));
    refused(
        store().with_collection("a$b"),
        ErrorKind::Config,
        "`collection`",
    );
    refused(
        store().with_timeout(Duration::ZERO),
        ErrorKind::Config,
        "`timeout`",
    );
    let session = store().with_session_max_age(Duration::ZERO);
    refused(session, ErrorKind::Config, "`session_max_age`");
    refused(store().with_max_value(0), ErrorKind::Config, "`max_value`");
    // The client waits for 30 seconds, the store does not.
    let store = store().with_timeout(Duration::from_millis(200)).unwrap();
    refused(store.get(&key("k")).await, ErrorKind::Timeout, "in time");
}
