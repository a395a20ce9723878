//! Other processes, and the end of this one.

use std::io::{BufRead, BufReader, Write as _};
use std::process::{Command, Stdio};
use std::time::Duration;

use session_store_api::{AtomicSessionStore, Condition, ErrorKind, SessionStore};
use session_store_sqlite::SqliteStore;
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

use crate::{LASTING, key, refused, run, stranger, url};

/// The URL of the child of [`kill_9_loses_nothing_acknowledged`].
const CHILD: &str = "SESSION_STORE_SQLITE_TEST_CHILD";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lock_of_2_s_is_waited_for_and_readers_do_not_even_wait() {
    let folder = TempDir::new().unwrap();
    let url = url(folder.path(), "a.db");
    let store = SqliteStore::connect(&format!("{url}?timeout=60s"))
        .await
        .unwrap();
    store.set(&key("k"), b"old", LASTING).await.unwrap();

    let mut locker = stranger(&url).await;
    run(&mut locker, "BEGIN IMMEDIATE").await;
    let write = tokio::spawn({
        let store = store.clone();
        async move { store.set(&key("k"), b"new", LASTING).await }
    });
    let until = Instant::now() + Duration::from_secs(2);
    while Instant::now() < until {
        assert_eq!(store.get(&key("k")).await.unwrap().unwrap(), b"old");
        sleep(Duration::from_millis(50)).await;
    }
    assert!(!write.is_finished(), "a write went past the lock");
    run(&mut locker, "ROLLBACK").await;
    write.await.unwrap().unwrap();
    assert_eq!(store.get(&key("k")).await.unwrap().unwrap(), b"new");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lock_for_longer_than_the_timeout_is_a_timeout_and_harms_nothing() {
    let folder = TempDir::new().unwrap();
    let url = url(folder.path(), "a.db");
    let store = SqliteStore::connect(&format!("{url}?timeout=1s"))
        .await
        .unwrap();
    store.set(&key("k"), b"old", LASTING).await.unwrap();

    let mut locker = stranger(&url).await;
    run(&mut locker, "BEGIN IMMEDIATE").await;
    let (key, new) = (key("k"), b"new");
    refused(
        store.set(&key, new, LASTING).await,
        ErrorKind::Timeout,
        "locked by somebody else",
    );
    refused(
        SqliteStore::connect(&format!("{url}?timeout=200ms")).await,
        ErrorKind::Timeout,
        "locked by somebody else",
    );
    let (set_if, touch, destroy) = tokio::join!(
        store.set_if(&key, Condition::Present, new, LASTING),
        store.touch(&key, LASTING),
        store.destroy(&key),
    );
    refused(set_if, ErrorKind::Timeout, "");
    refused(touch, ErrorKind::Timeout, "");
    refused(destroy, ErrorKind::Timeout, "");
    assert_eq!(store.get(&key).await.unwrap().unwrap(), b"old");
    run(&mut locker, "ROLLBACK").await;

    store.set(&key, new, LASTING).await.unwrap();
    assert_eq!(store.get(&key).await.unwrap().unwrap(), new);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kill_9_loses_nothing_acknowledged() {
    const CALLERS: usize = 32;
    let folder = TempDir::new().unwrap();
    let url = url(folder.path(), "a.db");
    for round in 0..3 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "locks::the_child_that_is_killed",
                "--ignored",
                "--nocapture",
            ])
            .env(CHILD, &url)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        // Every line is an acknowledged write: the caller, and its how manieth write it was.
        let mut acknowledged = [None; CALLERS];
        let mut lines = 0;
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            let line = line.unwrap();
            let Some((caller, number)) = line
                .strip_prefix("wrote ")
                .and_then(|rest| rest.split_once(' '))
            else {
                continue;
            };
            // The last line may have been cut off by the kill.
            let (Ok(caller), Some(number)) = (caller.parse::<usize>(), number.strip_suffix('.'))
            else {
                continue;
            };
            acknowledged[caller] = Some(number.parse::<u64>().unwrap());
            lines += 1;
            if lines == 500 {
                child.kill().unwrap(); // SIGKILL
            }
        }
        child.wait().unwrap();
        assert!(lines >= 500, "round {round}: only {lines} writes");

        let store = SqliteStore::connect(&url).await.unwrap();
        for (caller, number) in acknowledged.iter().enumerate() {
            let Some(number) = number else { continue };
            let value = store
                .get(&key(format_args!("caller-{caller}")))
                .await
                .unwrap()
                .expect("the record");
            let found: u64 = String::from_utf8(value)
                .unwrap()
                .trim_end_matches('x')
                .parse()
                .unwrap();
            assert!(
                found >= *number,
                "round {round}: caller {caller} was told {number}, the file has {found}"
            );
        }
    }
}

#[test]
#[ignore = "the child that another test starts and kills"]
fn the_child_that_is_killed() {
    let url = std::env::var(CHILD).expect("another test starts this one");
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let store = SqliteStore::connect(&url).await.unwrap();
        let callers = (0..32).map(|caller| {
            let store = store.clone();
            tokio::spawn(async move {
                for number in 0_u64.. {
                    let value = format!("{number}{}", "x".repeat(1000));
                    let key = key(format_args!("caller-{caller}"));
                    store.set(&key, value.as_bytes(), LASTING).await.unwrap();
                    let mut out = std::io::stdout().lock();
                    writeln!(out, "wrote {caller} {number}.").unwrap();
                    out.flush().unwrap();
                }
            })
        });
        for caller in callers.collect::<Vec<_>>() {
            caller.await.unwrap();
        }
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_handles_under_load_both_get_their_turn() {
    let folder = TempDir::new().unwrap();
    let url = url(folder.path(), "a.db");
    let busy = SqliteStore::connect(&url).await.unwrap();
    let callers: Vec<_> = (0..32)
        .map(|caller| {
            let busy = busy.clone();
            tokio::spawn(async move {
                loop {
                    busy.set(&key(caller), &[7; 1000], LASTING).await.unwrap();
                }
            })
        })
        .collect();
    let other = SqliteStore::connect(&url).await.unwrap();
    for number in 0..50 {
        other
            .set(&key(format_args!("other-{number}")), b"v", LASTING)
            .await
            .unwrap();
    }
    callers.iter().for_each(tokio::task::JoinHandle::abort);
}
