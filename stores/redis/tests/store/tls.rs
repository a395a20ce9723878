//! TLS: whom the store trusts, whom the server does, and a port that speaks none.

use session_store_api::{ErrorKind, SessionStore};
use session_store_redis::RedisStore;
use test_servers::{Certificates, SENTINEL_SERVICE, TestServer};

use crate::{LASTING, connect, key, own, refused};

#[tokio::test]
async fn a_server_that_is_trusted() {
    let server = own().tls().start().await.unwrap();
    let files = server.certificates().unwrap();
    let store = connect(&with(&server, &authority(files))).await;
    store.set(&key("k"), b"v", LASTING).await.unwrap();
    let named = with(&server, &authority(files)).replace("127.0.0.1", "localhost");
    let store = connect(&named).await;
    assert_eq!(store.get(&key("k")).await.unwrap().unwrap(), b"v");
}

#[tokio::test]
async fn a_server_that_is_not() {
    let server = own().tls().start().await.unwrap();
    let other = own().tls().start().await.unwrap();
    let others = authority(other.certificates().unwrap());
    for url in [server.url().to_owned(), with(&server, &others)] {
        refused(
            RedisStore::connect(&url).await,
            ErrorKind::Config,
            "TLS could not be agreed on",
        );
    }
    let own = authority(server.certificates().unwrap());
    let misnamed = with(&server, &own).replace("127.0.0.1", "127.0.0.2");
    let answer = RedisStore::connect(&misnamed).await;
    assert!(answer.is_err(), "the certificate is for another name");
}

#[tokio::test]
async fn a_server_that_wants_a_certificate() {
    let server = own().mutual_tls().start().await.unwrap();
    let files = server.certificates().unwrap();
    let store = connect(&with(&server, &identity(files))).await;
    store.set(&key("k"), b"v", LASTING).await.unwrap();
    server.restart().await.unwrap();
    assert_eq!(store.get(&key("k")).await.unwrap(), None);

    let answer = RedisStore::connect(&with(&server, &authority(files))).await;
    let error = answer.expect_err("nobody may come without");
    assert!(error.to_string().contains("TLS"), "{error}");
}

#[tokio::test]
async fn files_that_are_none() {
    let server = own().tls().start().await.unwrap();
    let files = server.certificates().unwrap();
    let (ca, cert, key) = (files.authority(), files.client(), files.client_key());
    let (ca, cert, key) = (ca.display(), cert.display(), key.display());
    for (parameters, named) in [
        ("ca=/no/such/file".to_owned(), "`ca`"),
        ("ca=/dev/null".to_owned(), "`ca` holds no certificate"),
        (format!("ca={key}"), "`ca` holds no certificate"),
        (
            format!("ca={ca}&cert={key}&key={key}"),
            "`cert` holds no certificate",
        ),
        (format!("ca={ca}&cert={cert}"), "`key`"),
        (format!("ca={ca}&key={key}"), "`cert`"),
        (format!("ca={ca}&cert={cert}&key=/no/such/file"), "`key`"),
        (format!("ca={ca}&cert={cert}&key={cert}"), "`key`"),
    ] {
        let answer = RedisStore::connect(&with(&server, &parameters)).await;
        refused(answer, ErrorKind::Config, named);
    }
}

#[tokio::test]
async fn the_wrong_kind_of_port() {
    let plain = own().start().await.unwrap();
    let url = format!("rediss://{}?connect_timeout=500ms", plain.address());
    let error = RedisStore::connect(&url).await.expect_err("no TLS there");
    assert!(error.to_string().contains("TLS"), "{error}");

    let tls = own().tls().start().await.unwrap();
    let url = format!("redis://{}", tls.address());
    let error = RedisStore::connect(&url).await.expect_err("TLS there");
    assert!(error.to_string().contains("TLS"), "{error}");
}

#[tokio::test]
async fn sentinels_and_clusters_speak_it_too() {
    let server = own().sentinel().mutual_tls().start().await.unwrap();
    let files = identity(server.certificates().unwrap());
    let at = server.address();
    let store = connect(&format!(
        "redis-sentinels://{at}/{SENTINEL_SERVICE}?{files}"
    ))
    .await;
    store.set(&key("k"), b"v", LASTING).await.unwrap();
    assert_eq!(store.get(&key("k")).await.unwrap().unwrap(), b"v");

    let server = own().cluster().mutual_tls().start().await.unwrap();
    let files = identity(server.certificates().unwrap());
    let store = connect(&format!("redis-clusters://{}?{files}", server.address())).await;
    for number in 0..20 {
        store.set(&key(number), b"v", LASTING).await.unwrap();
        assert_eq!(store.get(&key(number)).await.unwrap().unwrap(), b"v");
    }
}

fn with(server: &TestServer, parameters: &str) -> String {
    format!("{}?{parameters}", server.url())
}

fn authority(files: &Certificates) -> String {
    format!("ca={}", files.authority().display())
}

fn identity(files: &Certificates) -> String {
    let (cert, key) = (files.client(), files.client_key());
    format!(
        "{}&cert={}&key={}",
        authority(files),
        cert.display(),
        key.display()
    )
}
