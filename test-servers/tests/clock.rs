//! Runs whose clock is off.

#![allow(clippy::unwrap_used, reason = "a test panics on the unexpected")]

use std::env;
use std::time::{Duration, Instant, SystemTime};

use test_servers::{ClockRun, Kind, Reply, RespClient, StartError, TestServer};
use tokio::time::sleep;

const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);
const MINUTES: Duration = Duration::from_secs(300);

#[tokio::test]
async fn the_clock_of_a_run_is_off() {
    for by in [MINUTES, YEAR] {
        for (run, ahead) in [(ClockRun::ahead(by), true), (ClockRun::behind(by), false)] {
            let expected = if ahead { now() + by } else { now() - by };
            let expected = expected.as_millis().to_string();
            let (name, run) = (
                "in_a_run_the_time_is_what_was_promised",
                run.env("EXPECTED", expected),
            );
            run.env("REAL", now().as_millis().to_string())
                .run(name)
                .await
                .unwrap();
        }
    }
}

/// The other half of the test above; by itself it says that a test is no run.
#[tokio::test]
async fn in_a_run_the_time_is_what_was_promised() {
    if !ClockRun::is_this() {
        assert!(env::var_os("EXPECTED").is_none());
        return;
    }
    let given = |name| Duration::from_millis(env::var(name).unwrap().parse().unwrap());
    let tolerance = Duration::from_secs(60);
    assert!(now().abs_diff(given("EXPECTED")) < tolerance);
    // Timers go on as ever …
    let began = Instant::now();
    sleep(Duration::from_millis(50)).await;
    assert!(began.elapsed() >= Duration::from_millis(50));
    assert!(began.elapsed() < tolerance);
    // … and a server has the right time.
    let server = TestServer::builder(Kind::Redis)
        .own()
        .start()
        .await
        .unwrap();
    let mut client = RespClient::connect(server.address()).await.unwrap();
    let Reply::Array(time) = client.command(&["TIME"]).await.unwrap() else {
        panic!("a time was expected");
    };
    let time = Duration::from_secs(time[0].text().parse().unwrap());
    assert!(time.abs_diff(given("REAL")) < tolerance);
}

#[tokio::test]
async fn a_run_that_fails_or_tests_nothing_is_a_failure() {
    for (filter, said) in [
        ("in_a_run_that_fails", "as it should"),
        ("no_such_test", "0 passed"),
    ] {
        let run = ClockRun::ahead(MINUTES).run(filter).await;
        let Err(StartError::Failed(error)) = run else {
            panic!("{filter} was taken for a success");
        };
        assert!(error.to_string().contains(said), "{error}");
    }
}

#[test]
fn in_a_run_that_fails_it_fails() {
    assert!(!ClockRun::is_this(), "as it should");
}

fn now() -> Duration {
    SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap()
}
