//! One call that fails among many.

use session_store_api::{AtomicSessionStore, Condition, ErrorKind, SessionStore};
use session_store_mysql::MySqlStore;

use crate::{LASTING, connect, count, key, own, refused, run, server, stranger};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_that_the_table_refuses_fails_alone_and_is_not_shown() {
    let server = server().await;
    let store = connect(server.url()).await;
    let mut owner = stranger(server.url()).await;
    run(
        &mut owner,
        "ALTER TABLE sessions ADD CONSTRAINT size CHECK (LENGTH(`value`) <> 13)",
    )
    .await;
    let calls = (0..200).map(|number| {
        let store = store.clone();
        tokio::spawn(async move {
            let value: &[u8] = if number % 50 == 7 {
                b"secret-thirte"
            } else {
                b"v"
            };
            let key = key(format_args!("secret-{number}"));
            match number % 2 {
                0 => store.set(&key, value, LASTING).await.map(|()| true),
                _ => store.set_if(&key, Condition::Absent, value, LASTING).await,
            }
        })
    });
    for (number, call) in calls.collect::<Vec<_>>().into_iter().enumerate() {
        let answer = call.await.unwrap();
        if number % 50 == 7 {
            let shown = refused(answer, ErrorKind::Other, "by a constraint or a trigger");
            assert!(!shown.contains("secret"), "{shown}");
            let number = ["error 4025", "error 3819"];
            assert!(
                number.iter().any(|number| shown.contains(number)),
                "{shown}"
            );
        } else {
            assert!(answer.unwrap(), "call {number}");
        }
    }
    assert_eq!(
        count(&mut owner, "SELECT count(*) FROM sessions").await,
        196
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_value_that_is_too_large_fails_alone() {
    let server = server().await;
    let store = connect(&format!("{}?max_value=1kB", server.url())).await;
    let large = vec![7; 1001];
    let (good, (one, other)) = (key("good"), (key("one"), key("other")));
    let (one, good, other) = tokio::join!(
        store.set(&one, &large, LASTING),
        store.set(&good, &large[1..], LASTING),
        store.set_if(&other, Condition::Absent, &large, LASTING),
    );
    refused(one, ErrorKind::TooLarge, "1001 bytes; `max_value` is 1000");
    refused(other, ErrorKind::TooLarge, "1001 bytes");
    good.unwrap();
}

#[tokio::test]
async fn the_largest_value_comes_back() {
    let server = own()
        .args(["--max-allowed-packet=256M"])
        .start()
        .await
        .unwrap();
    let store = connect(&format!("{}?max_value=64MiB&timeout=60s", server.url())).await;
    let large: Vec<u8> = (0..64_u32 << 20)
        .map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect();
    store.set(&key("k"), &large, LASTING).await.unwrap();
    assert!(store.get(&key("k")).await.unwrap().unwrap() == large);
    let unchanged = Condition::Unchanged(&large);
    assert!(
        store
            .set_if(&key("k"), unchanged, b"small", LASTING)
            .await
            .unwrap()
    );
}

#[tokio::test]
async fn a_largest_value_that_the_server_would_not_take_is_refused_at_once() {
    let server = own()
        .args(["--max-allowed-packet=16M"])
        .start()
        .await
        .unwrap();
    let store = MySqlStore::connect(&format!("{}?max_value=8MiB", server.url())).await;
    refused(
        store,
        ErrorKind::Config,
        "is over half of the server's `max_allowed_packet`",
    );
    let store = connect(&format!("{}?max_value=7MiB", server.url())).await;
    let largest = vec![7; 7 << 20];
    store.set(&key("k"), &largest, LASTING).await.unwrap();
    let unchanged = Condition::Unchanged(&largest);
    assert!(
        store
            .set_if(&key("k"), unchanged, &largest, LASTING)
            .await
            .unwrap()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_absent_at_once_those_that_are_free_are_written() {
    let server = server().await;
    let store = connect(server.url()).await;
    let mut owner = stranger(server.url()).await;
    for number in (0..100).step_by(3) {
        store.set(&key(number), b"live", LASTING).await.unwrap();
    }
    run(
        &mut owner,
        "UPDATE sessions SET expires_at = 1 WHERE `key` LIKE '%6'",
    )
    .await;
    let calls: Vec<_> = (0..100)
        .map(|number| {
            let store = store.clone();
            let set = async move {
                store
                    .set_if(&key(number), Condition::Absent, b"new", LASTING)
                    .await
            };
            tokio::spawn(set)
        })
        .collect();
    for (number, call) in calls.into_iter().enumerate() {
        let live = number % 3 == 0 && number % 10 != 6;
        assert_eq!(call.await.unwrap().unwrap(), !live, "{number}");
        let value: &[u8] = if live { b"live" } else { b"new" };
        assert_eq!(
            store.get(&key(number)).await.unwrap().unwrap(),
            value,
            "{number}"
        );
    }
}
