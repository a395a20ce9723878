//! Documents: their shape, their deadlines, their size.

use std::time::{Duration, SystemTime};

use session_store_api::{AtomicSessionStore, Condition, ErrorKind, MaxAge, SessionStore};
use session_store_mongodb::MongoDbStore;
use session_store_mongodb::mongodb::IndexModel;
use session_store_mongodb::mongodb::bson::doc;
use session_store_mongodb::mongodb::options::IndexOptions;

use crate::{LASTING, expired, key, own, past, refused, shared, store, with};

#[tokio::test]
async fn a_record_is_the_document_that_the_readme_shows() {
    let (store, collection) = store("shape").await;
    let before = SystemTime::now();
    let life = Duration::from_secs(60);
    store.set(&key("k"), b"v", life.into()).await.unwrap();
    let record = collection.find_one(doc! {}).await.unwrap().unwrap();
    let names: Vec<_> = record.keys().collect();
    assert_eq!(names, ["_id", "value", "expires_at"]);
    assert_eq!(record.get_str("_id").unwrap(), "k");
    assert_eq!(record.get_binary_generic("value").unwrap(), b"v");
    let ends = record.get_datetime("expires_at").unwrap().to_system_time();
    assert!(ends >= before + life, "it would end early");
    assert_eq!(
        format!("{store:?}"),
        "MongoDbStore { database: \"sessions\", collection: \"shape\", .. }"
    );
}

#[tokio::test]
async fn what_expired_and_was_not_removed_is_neither_read_nor_renewed() {
    // The server never removes anything here.
    let server = own().args(["--setParameter", "ttlMonitorEnabled=false"]);
    let server = server.start().await.unwrap();
    let store = MongoDbStore::connect(server.url()).await.unwrap();
    let collection = past(server.url(), "sessions").await;
    collection.insert_one(expired("k")).await.unwrap();
    store.check().await.unwrap();

    let key = key("k");
    let (present, unchanged) = (Condition::Present, Condition::Unchanged(b"old"));
    assert_eq!(store.get(&key).await.unwrap(), None);
    assert!(!store.touch(&key, LASTING).await.unwrap());
    assert!(!store.set_if(&key, present, b"new", LASTING).await.unwrap());
    assert!(
        !store
            .set_if(&key, unchanged, b"new", LASTING)
            .await
            .unwrap()
    );
    let record = collection.find_one(doc! { "_id": "k" }).await.unwrap();
    assert_eq!(record, Some(expired("k")), "the document is as it was");
    let absent = Condition::Absent;
    assert!(store.set_if(&key, absent, b"new", LASTING).await.unwrap());
    assert_eq!(store.get(&key).await.unwrap().as_deref(), Some(&b"new"[..]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_on_one_record_in_one_batch_keep_their_order() {
    let (store, _) = store("order").await;
    let key = key("k");
    for round in 0..100 {
        // Polled in this order, so queued in this order; most of them share batches.
        let (set, absent, present, unchanged, destroy, touch) = tokio::join!(
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
            touch.unwrap(),
        );
        assert_eq!(answers, (false, true, true, false), "round {round}");
        assert_eq!(store.get(&key).await.unwrap(), None, "round {round}");
    }
}

#[tokio::test]
async fn two_of_the_largest_values_find_room_in_a_command() {
    const MOST: usize = 8_000_000;
    let (store, collection) = store("large").await;
    let store = store.with_max_value(MOST).unwrap();
    // Nothing here is about speed.
    let store = store.with_timeout(Duration::from_secs(60)).unwrap();
    let key = key("k".repeat(200));
    let (one, other) = (vec![1; MOST], vec![2; MOST]);
    store.set(&key, &one, LASTING).await.unwrap();
    let unchanged = Condition::Unchanged(&one);
    assert!(
        store
            .set_if(&key, unchanged, &other, LASTING)
            .await
            .unwrap()
    );
    assert!(store.get(&key).await.unwrap().unwrap() == other);
    let more = vec![3; MOST + 1];
    let set = store.set(&key, &more, LASTING).await;
    refused(
        set,
        ErrorKind::TooLarge,
        "8000001 bytes; `max_value` is 8000000",
    );
    // Nothing so large can stand there, and no command could hold it.
    let larger = vec![2; 3 * MOST];
    let unchanged = Condition::Unchanged(&larger);
    assert!(!store.set_if(&key, unchanged, b"", LASTING).await.unwrap());
    let mut others = Vec::new();
    for number in 0..4 {
        others.push(crate::key(number));
        store.set(&others[number], &one, LASTING).await.unwrap();
    }
    // More than a command and its answer may hold, so read in parts.
    let [a, b, c, d] = &others[..] else { panic!() };
    let (a, b, c, d) = tokio::join!(store.get(a), store.get(b), store.get(c), store.get(d));
    for value in [a, b, c, d] {
        assert!(value.unwrap().unwrap() == one);
    }
    collection.drop().await.unwrap();
}

#[tokio::test]
async fn a_document_of_something_else_is_an_error_for_its_reader_only() {
    let (store, collection) = store("foreign").await;
    let mut foreign = expired("foreign");
    foreign.insert("value", "no bytes");
    foreign.remove("expires_at");
    collection.insert_one(foreign).await.unwrap();
    assert_eq!(
        store.get(&key("foreign")).await.unwrap(),
        None,
        "it never lives"
    );
    store.set(&key("mine"), b"v", LASTING).await.unwrap();
    store.set(&key("foreign"), b"v", LASTING).await.unwrap();
    let update = doc! { "$set": { "value": "no bytes" } };
    let updated = collection
        .update_one(doc! { "_id": "foreign" }, update)
        .await;
    assert_eq!(updated.unwrap().modified_count, 1);
    let (foreign, mine) = (key("foreign"), key("mine"));
    let (foreign, mine) = tokio::join!(store.get(&foreign), store.get(&mine));
    refused(foreign, ErrorKind::Corrupt, "no binary `value`");
    assert_eq!(mine.unwrap().as_deref(), Some(&b"v"[..]));
}

#[tokio::test]
async fn refusals_of_the_server_show_no_key() {
    let (store, collection) = store("validated").await;
    let validator = doc! { "_id": { "$not": { "$regex": "^secret" } } };
    let command = doc! { "collMod": "validated", "validator": validator };
    let database = collection.client().default_database().unwrap();
    database.run_command(command).await.unwrap();
    let (good, bad) = (key("good"), key("secret-key"));
    let (good, bad) = tokio::join!(
        store.set(&good, b"v", LASTING),
        store.set(&bad, b"secret-value", LASTING)
    );
    good.unwrap();
    let shown = refused(bad, ErrorKind::Config, "validator");
    assert!(!shown.contains("secret"), "{shown}");

    let unique = IndexOptions::builder().unique(true).build();
    let index = IndexModel::builder().keys(doc! { "value": 1 });
    let created = collection.create_index(index.options(unique).build());
    created.await.unwrap();
    let set = store.set(&key("other"), b"v", LASTING).await;
    let shown = refused(set, ErrorKind::Config, "another unique index");
    assert!(!shown.contains("BinData"), "{shown}");
}

#[tokio::test]
async fn a_session_lives_as_long_as_the_url_or_the_caller_says() {
    const HOUR: Duration = Duration::from_secs(60 * 60);
    let (store, collection) = store("session_life").await;
    let url = with(shared().await.url(), "collection=session_life");
    let told = MongoDbStore::connect(&with(&url, "session_max_age=2h")).await;
    let set = store.clone().with_session_max_age(3 * HOUR);
    for (store, hours) in [(store, 24), (told.unwrap(), 2), (set.unwrap(), 3)] {
        store.set(&key("k"), b"v", MaxAge::Session).await.unwrap();
        let record = collection.find_one(doc! {}).await.unwrap().unwrap();
        let ends = record.get_datetime("expires_at").unwrap().to_system_time();
        let left = ends.duration_since(SystemTime::now()).unwrap();
        assert_eq!((left + HOUR / 2).as_millis() / HOUR.as_millis(), hours);
    }
}

/// The server's clock shows the millisecond that has begun, and may have begun before the call.
#[tokio::test]
async fn no_life_is_shorter_by_part_of_a_millisecond() {
    let (store, collection) = store("fractions").await;
    let life = Duration::from_secs(60);
    for _ in 0..200 {
        let before = SystemTime::now();
        store.set(&key("k"), b"v", life.into()).await.unwrap();
        let record = collection.find_one(doc! {}).await.unwrap().unwrap();
        let ends = record.get_datetime("expires_at").unwrap().to_system_time();
        assert!(ends >= before + life, "it would end early");
    }
}

/// Its clock stands still while a command runs, so what shares one with them sees them as well.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_life_at_all_is_none_in_the_same_batch_either() {
    let (store, _) = store("zero").await;
    let key = key("k");
    for round in 0..100 {
        let (set, present) = tokio::join!(
            store.set(&key, b"v", MaxAge::After(Duration::ZERO)),
            store.set_if(&key, Condition::Present, b"w", LASTING),
        );
        set.unwrap();
        assert!(!present.unwrap(), "round {round}");
    }
}

#[tokio::test]
async fn no_life_is_longer_than_a_thousand_years() {
    let (store, collection) = store("lives").await;
    let day = Duration::from_secs(24 * 60 * 60);
    let huge = Duration::from_millis(i64::MAX.unsigned_abs());
    for (life, days) in [
        (36_600 * day, 36_600),
        (huge, 366_000),
        (Duration::MAX, 366_000),
    ] {
        let life = MaxAge::After(life);
        store.set(&key("k"), b"v", life).await.unwrap();
        let record = collection.find_one(doc! {}).await.unwrap().unwrap();
        let ends = record.get_datetime("expires_at").unwrap().to_system_time();
        let left = ends.duration_since(SystemTime::now()).unwrap();
        assert_eq!((left + day / 2).as_millis() / day.as_millis(), days);
    }
}
