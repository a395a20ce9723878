//! What callers hear of a batch that breaks.

use std::error::Error as _;
use std::time::Duration;

use session_store_batch::{Error, Limits};
use tokio::time::{Instant, sleep};

use crate::recorder::{
    Effect, Recorder, answers, assert_took, begin, begin_all, read, write, write_if,
};

fn one_at_a_time() -> Limits {
    Limits::default().with_in_flight(1)
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_fails_fails_every_call() {
    let batcher = Recorder::open(one_at_a_time());
    let calls = [read(0), read(1).with(Effect::Fail), read(2)];
    let calls = begin_all(&batcher, calls).await;
    assert_eq!(answers(calls).await, [Err(Error::Failed(1)); 3]);
    assert_eq!(batcher.call(read(3)).await, Ok(3));
    assert_eq!(batcher.batch().batches(), [vec![0, 1, 2], vec![3]]);
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_splits_fails_the_calls_at_fault() {
    let batcher = Recorder::open(one_at_a_time());
    let calls = (0..10).map(|n| match n {
        2 | 7 => write(n, "a").with(Effect::Spoil),
        _ => write(n, "a"),
    });
    let calls = begin_all(&batcher, calls).await;
    let expected: Vec<_> = (0..10)
        .map(|n| {
            if n == 2 || n == 7 {
                Err(Error::Failed(n))
            } else {
                Ok(n)
            }
        })
        .collect();
    assert_eq!(answers(calls).await, expected);
    // In halves, and always the older calls first.
    assert_eq!(
        batcher.batch().batches(),
        [
            vec![0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
            vec![0, 1, 2, 3, 4],
            vec![0, 1],
            vec![2, 3, 4],
            vec![2],
            vec![3, 4],
            vec![5, 6, 7, 8, 9],
            vec![5, 6],
            vec![7, 8, 9],
            vec![7],
            vec![8, 9],
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_call_that_splits_a_batch_of_one_fails() {
    let batcher = Recorder::open(Limits::default());
    let call = read(1).with(Effect::Spoil);
    assert_eq!(batcher.call(call).await, Err(Error::Failed(1)));
    assert_eq!(batcher.batch().batches(), [[1]]);
}

#[tokio::test(start_paused = true)]
async fn a_split_batch_that_hangs_has_answered_what_it_ran() {
    let batcher = Recorder::open(one_at_a_time());
    let calls = [
        read(0),
        read(1).with(Effect::Spoil),
        read(2).with(Effect::Hang),
        read(3),
    ];
    let calls = begin_all(&batcher, calls).await;
    sleep(Duration::from_secs(6)).await; // so that we hear the lane, not our own timers
    let timeout = Err(Error::Timeout { sent: true });
    assert_eq!(
        answers(calls).await,
        [Ok(0), Err(Error::Failed(1)), timeout, timeout]
    );
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_panics_loses_its_calls_and_no_others() {
    let batcher = Recorder::gated(one_at_a_time());
    let broken = begin_all(&batcher, [write(0, "a"), read(1).with(Effect::Panic)]).await;
    batcher.batch().begun(1).await;
    let queued = begin_all(
        &batcher,
        [write_if(2, "a"), write(3, "a"), read(4), read(5)],
    )
    .await;
    batcher.batch().let_through(5);
    assert_eq!(answers(broken).await, [Err(Error::Lost); 2]);
    assert_eq!(answers(queued).await, [2, 3, 4, 5].map(Ok));
    assert_eq!(batcher.batch().batches()[0], [0, 1]);
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_always_panics_ends_every_call() {
    let limits = Limits::default().with_batch_calls(3).with_queue_calls(20);
    let batcher = Recorder::open(limits);
    for _ in 0..3 {
        let calls = (0..30).map(|n| write(n, "a").with(Effect::Panic));
        let calls = begin_all(&batcher, calls).await;
        assert_eq!(answers(calls).await, [Err(Error::Lost); 30]);
    }
    assert_eq!(batcher.call(write(1, "a")).await, Ok(1));
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_hangs_is_given_up() {
    let batcher = Recorder::open(one_at_a_time().with_timeout(Duration::from_secs(3)));
    let start = Instant::now();
    let hanging = begin_all(&batcher, [write(0, "a"), write(1, "a").with(Effect::Hang)]).await;
    batcher.batch().begun(1).await;
    sleep(Duration::from_secs(1)).await;
    let next = begin(&batcher, write(2, "a")).await;
    assert_eq!(
        answers(hanging).await,
        [Err(Error::Timeout { sent: true }); 2]
    );
    assert_took(start, Duration::from_secs(3));
    assert_eq!(next.await, Ok(2));
    assert_took(start, Duration::from_secs(3));
}

#[tokio::test(start_paused = true)]
async fn a_wrong_number_of_answers_is_an_error_to_all() {
    let batcher = Recorder::open(one_at_a_time());
    for (effect, given) in [(Effect::Lose, 2), (Effect::Invent, 4)] {
        let calls = begin_all(&batcher, [read(0), read(1).with(effect), read(2)]).await;
        let error = Error::Miscount {
            calls: 3,
            answers: given,
        };
        assert_eq!(answers(calls).await, [Err(error); 3]);
    }
    assert_eq!(batcher.call(read(3)).await, Ok(3));
}

#[test]
fn errors_say_what_happened_and_keep_their_cause() {
    type Error = session_store_batch::Error<std::num::ParseIntError>;
    let cause = "x".parse::<u8>().unwrap_err();
    let said = [
        (Error::QueueFull, "the queue is full"),
        (
            Error::Timeout { sent: false },
            "timed out before it was sent",
        ),
        (
            Error::Timeout { sent: true },
            "timed out waiting for the answer",
        ),
        (Error::Lost, "the batch ended without an answer"),
        (
            Error::Miscount {
                calls: 2,
                answers: 3,
            },
            "the batch gave 3 answers to 2 calls",
        ),
    ];
    for (error, text) in said {
        assert_eq!(error.to_string(), text);
        assert!(error.source().is_none());
    }
    let failed = Error::Failed(cause.clone());
    assert_eq!(failed.to_string(), "the batch failed");
    assert_eq!(failed.source().unwrap().to_string(), cause.to_string());
}
