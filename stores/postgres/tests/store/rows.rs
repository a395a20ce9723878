//! One call that fails among many.

use session_store_api::{AtomicSessionStore, Condition, ErrorKind, SessionStore};

use crate::{LASTING, connect, count, key, refused, run, server, stranger};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_that_the_table_refuses_fails_alone_and_is_not_shown() {
    let server = server().await;
    let store = connect(server.url()).await;
    let mut owner = stranger(server.url()).await;
    run(
        &mut owner,
        "ALTER TABLE sessions ADD CHECK (octet_length(value) <> 13)",
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
            assert!(shown.contains("23514"), "{shown}");
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
    let server = server().await;
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
