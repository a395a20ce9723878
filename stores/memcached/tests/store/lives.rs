//! Lives: whole seconds, dates from thirty days on, and no date after 2038.

use std::time::Duration;

use session_store_api::{AtomicSessionStore, Condition, MaxAge, SessionStore};

use crate::{Raw, connected, key, server};

const DAY: u64 = 24 * 60 * 60;
const LAST_DATE: i64 = 2_147_483_647;

/// A max age, and how many of its seconds the server must give it at least.
fn lives(now: i64) -> Vec<(Duration, i64)> {
    let seconds = |seconds: u64| (Duration::from_secs(seconds), seconds as i64);
    let to_the_end = |max_age| (max_age, LAST_DATE - now - 4);
    vec![
        (Duration::from_nanos(1), 1),
        (Duration::from_millis(999), 1),
        seconds(1),
        (Duration::from_millis(1001), 2),
        seconds(30 * DAY - 3),
        seconds(30 * DAY - 2),
        seconds(30 * DAY - 1),
        seconds(30 * DAY),
        seconds(30 * DAY + 1),
        seconds(31 * DAY),
        seconds(365 * DAY),
        to_the_end(Duration::from_secs(20 * 365 * DAY)),
        to_the_end(Duration::from_secs(1 << 31)),
        to_the_end(Duration::from_secs(1 << 32)),
        to_the_end(Duration::from_secs((1 << 32) + 5)),
        to_the_end(Duration::from_millis(u64::MAX)),
        to_the_end(Duration::MAX),
    ]
}

/// Also the half of a test in `clock`, which runs it under clocks that are wrong.
#[tokio::test]
async fn every_life_is_given_its_seconds_and_no_more_than_three_to_spare() {
    let server = server().await;
    let (store, mut raw) = (connected(&server).await, Raw::open(server.address()));
    for (number, (max_age, seconds)) in lives(raw.date()).into_iter().enumerate() {
        let [set, add, replaced, unchanged, touched] =
            ["set", "add", "replaced", "unchanged", "touched"]
                .map(|how| key(format!("{how}-{number}")));
        let (brief, life) = (
            MaxAge::After(Duration::from_secs(60)),
            MaxAge::After(max_age),
        );
        for key in [&replaced, &unchanged, &touched] {
            store.set(key, b"old", brief).await.unwrap();
        }
        store.set(&set, b"new", life).await.unwrap();
        let wrote = [
            store.set_if(&add, Condition::Absent, b"new", life).await,
            store
                .set_if(&replaced, Condition::Present, b"new", life)
                .await,
            store
                .set_if(&unchanged, Condition::Unchanged(b"old"), b"new", life)
                .await,
            store.touch(&touched, life).await,
        ];
        assert!(
            wrote.iter().all(|wrote| matches!(wrote, Ok(true))),
            "{wrote:?}"
        );
        for key in [&set, &add, &replaced, &unchanged, &touched] {
            let left = raw.left(&format!("session:{}", key.as_str()));
            let left = left.unwrap_or_else(|| panic!("{max_age:?} is over at once"));
            // A machine that is slow is a second late, or ten.
            assert!(
                (seconds - 10..=seconds + 4).contains(&left) && left > 0,
                "{max_age:?} is {left} seconds, not {seconds}"
            );
        }
    }
}

#[tokio::test]
async fn nothing_is_left_of_a_life_of_zero() {
    let server = server().await;
    let (store, mut raw) = (connected(&server).await, Raw::open(server.address()));
    let zero = MaxAge::After(Duration::ZERO);
    let (live, free) = (key("live"), key("free"));
    let lasting = crate::LASTING;

    store.set(&live, b"old", lasting).await.unwrap();
    store.set(&live, b"new", zero).await.unwrap();
    assert_eq!(raw.value("session:live"), None);

    assert!(
        store
            .set_if(&free, Condition::Absent, b"new", zero)
            .await
            .unwrap()
    );
    assert_eq!(raw.value("session:free"), None);

    // On a record that is not there it neither holds nor leaves anything.
    for condition in [Condition::Present, Condition::Unchanged(b"")] {
        assert!(!store.set_if(&free, condition, b"new", zero).await.unwrap());
    }
    assert!(!store.touch(&free, zero).await.unwrap());
    assert_eq!(raw.value("session:free"), None);

    store.set(&live, b"old", lasting).await.unwrap();
    assert!(store.touch(&live, zero).await.unwrap());
    assert!(!store.touch(&live, lasting).await.unwrap());
    assert_eq!(store.get(&live).await.unwrap(), None);

    store.set(&live, b"old", lasting).await.unwrap();
    let unchanged = Condition::Unchanged(b"old");
    assert!(store.set_if(&live, unchanged, b"new", zero).await.unwrap());
    assert!(
        !store
            .set_if(&live, unchanged, b"new", lasting)
            .await
            .unwrap()
    );
    assert_eq!(raw.value("session:live"), None);
}
