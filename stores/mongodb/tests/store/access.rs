//! Who may do what, and over which connection.

use session_store_api::{AtomicSessionStore, Condition, ErrorKind, SessionStore};
use session_store_mongodb::MongoDbStore;
use session_store_mongodb::mongodb::bson::{Document, doc};
use session_store_mongodb::mongodb::{Client, Database};

use crate::{LASTING, key, own, refused, shared, with};

#[tokio::test]
async fn users_may_do_what_they_need_and_wrong_passwords_nothing() {
    let server = own().password("p@ss/w:rd?").start().await.unwrap();
    let url = server.url();
    let root = MongoDbStore::connect(url).await.unwrap();
    root.set(&key("k"), b"v", LASTING).await.unwrap();

    let wrong = url.replace("p%40ss", "hunter2");
    assert_ne!(wrong, url);
    let shown = refused(
        MongoDbStore::connect(&wrong).await,
        ErrorKind::Config,
        "credentials",
    );
    assert!(
        !shown.contains("hunter2") && !shown.contains("w:rd"),
        "{shown}"
    );
    let nobody = format!("mongodb://{}/sessions", server.address());
    refused(
        MongoDbStore::connect(&nobody).await,
        ErrorKind::Config,
        "lacks a right on this collection, or the URL names no user",
    );

    let client = Client::with_uri_str(url).await.unwrap();
    let admin = client.database("admin");
    let actions = ["find", "insert", "update", "remove", "listIndexes"];
    let resource = doc! { "db": "sessions", "collection": "sessions" };
    create(&admin, "least", resource, &actions).await;
    let elsewhere = doc! { "db": "sessions", "collection": "no_index" };
    create(&admin, "unindexed", elsewhere, &actions).await;
    let resource = doc! { "db": "sessions", "collection": "sessions" };
    create(&admin, "reader", resource, &["find", "listIndexes"]).await;
    let of = |user: &str| {
        let address = server.address();
        format!("mongodb://{user}:{user}@{address}/sessions?authSource=admin")
    };

    // The index is there: the least rights are enough.
    let least = MongoDbStore::connect(&of("least")).await.unwrap();
    least.migrate().await.unwrap();
    let (key, absent) = (key("secret-key"), Condition::Absent);
    assert!(least.set_if(&key, absent, b"1", LASTING).await.unwrap());
    least.set(&key, b"2", LASTING).await.unwrap();
    assert!(least.touch(&key, LASTING).await.unwrap());
    assert!(least.get(&key).await.unwrap().is_some());
    least.destroy(&key).await.unwrap();
    assert_eq!(least.get(&key).await.unwrap(), None);

    // It is not, and may not be created: a warning, and all is right.
    let unindexed = format!("{}&collection=no_index", of("unindexed"));
    let unindexed = MongoDbStore::connect(&unindexed).await.unwrap();
    refused(
        unindexed.migrate().await,
        ErrorKind::Config,
        "lacks a right",
    );
    unindexed.set(&key, b"v", LASTING).await.unwrap();
    assert!(unindexed.get(&key).await.unwrap().is_some());

    let reader = MongoDbStore::connect(&of("reader")).await.unwrap();
    let record = reader.get(&crate::key("k")).await.unwrap();
    assert_eq!(record.as_deref(), Some(&b"v"[..]));
    let set = reader.set(&key, b"v", LASTING).await;
    let shown = refused(set, ErrorKind::Config, "lacks a right");
    assert!(!shown.contains(key.as_str()), "{shown}");
    refused(
        reader.destroy(&key).await,
        ErrorKind::Config,
        "lacks a right",
    );
    refused(
        reader.touch(&key, LASTING).await,
        ErrorKind::Config,
        "lacks a right",
    );
}

/// Creates a user of this name, who may do this and nothing else.
async fn create(admin: &Database, name: &str, resource: Document, actions: &[&str]) {
    let privilege = doc! { "resource": resource, "actions": actions };
    let roles: [&str; 0] = [];
    let role = doc! { "createRole": name, "privileges": [privilege], "roles": &roles[..] };
    admin.run_command(role).await.unwrap();
    let user = doc! { "createUser": name, "pwd": name, "roles": [name] };
    admin.run_command(user).await.unwrap();
}

#[tokio::test]
async fn tls_is_spoken_with_the_right_server_only() {
    let server = own().tls().start().await.unwrap();
    let store = MongoDbStore::connect(server.url()).await.unwrap();
    store.set(&key("k"), b"v", LASTING).await.unwrap();
    assert!(store.get(&key("k")).await.unwrap().is_some());

    let address = server.address();
    let stranger = format!("mongodb://{address}/sessions?timeout=2s&tls=true");
    let answer = MongoDbStore::connect(&stranger).await;
    refused(answer, ErrorKind::Unavailable, "see `tls`");
    let hint = "does the port speak TLS exactly if the URL has `tls=true`?";
    let plain = format!("mongodb://{address}/sessions?timeout=2s");
    let answer = MongoDbStore::connect(&plain).await;
    refused(answer, ErrorKind::Unavailable, hint);
    let tls = server.url().replace(address, shared().await.address());
    let answer = MongoDbStore::connect(&with(&tls, "timeout=2s")).await;
    refused(answer, ErrorKind::Unavailable, hint);
}

#[tokio::test]
async fn clients_show_certificates_where_the_server_wants_them() {
    let server = own().mutual_tls().start().await.unwrap();
    let store = MongoDbStore::connect(server.url()).await.unwrap();
    store.set(&key("k"), b"v", LASTING).await.unwrap();
    assert!(store.get(&key("k")).await.unwrap().is_some());
}
