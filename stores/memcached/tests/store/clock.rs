//! Clocks: ours, which must not matter, and the server's, which skips seconds.

use std::time::{Duration, Instant};

use session_store_api::{MaxAge, SessionStore};
use test_servers::ClockRun;
use tokio::time::{sleep, sleep_until};

use crate::{connected, key, server};

const LIVES: &str = "every_life_is_given_its_seconds_and_no_more_than_three_to_spare";

#[tokio::test]
async fn a_wrong_clock_of_this_process_changes_no_date() {
    let year = Duration::from_secs(365 * 24 * 60 * 60);
    for run in [ClockRun::ahead(year), ClockRun::behind(year)] {
        run.run(LIVES).await.unwrap();
    }
}

/// memcached's clock is moved on by a timer. One that comes late, as each does by a little, makes the clock
/// skip a second sooner or later, and what lives then loses one. Here it comes very late.
#[tokio::test]
async fn a_second_that_the_server_skips_ends_no_life_early() {
    let watched = (0..8).map(|number| tokio::spawn(watch(number)));
    let mut sure = 0;
    for watched in watched.collect::<Vec<_>>() {
        sure += watched.await.unwrap();
    }
    assert!(
        sure > 0,
        "the machine is too slow to look at any record in time"
    );
}

/// In how many of some lives the record was seen in the last tenth, over which the server had slept.
async fn watch(number: u64) -> u32 {
    let server = server().await;
    let store = connected(&server).await;
    let mut sure = 0;
    for round in 0..4 {
        let (name, max_age) = (key(round), Duration::from_secs(1));
        sleep(Duration::from_millis(number * 137 + round * 61)).await;
        let made = Instant::now();
        store
            .set(&name, b"value", MaxAge::After(max_age))
            .await
            .unwrap();
        sleep_until((made + Duration::from_millis(100)).into()).await;
        server.pause().await.unwrap();
        sleep_until((made + Duration::from_millis(850)).into()).await;
        server.resume().await.unwrap();
        sleep_until((made + Duration::from_millis(900)).into()).await;
        let seen = store.get(&name).await.unwrap();
        if made.elapsed() < max_age {
            assert!(
                seen.is_some(),
                "over {:?} after it was made",
                made.elapsed()
            );
            sure += 1;
        }
    }
    sure
}
