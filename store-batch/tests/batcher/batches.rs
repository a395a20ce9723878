//! What goes into a batch, and when.

use std::time::Duration;

use session_store_batch::{Batcher, Limits};
use tokio::time::{Instant, sleep};

use crate::recorder::{Recorder, answers, begin, begin_all, read, write, write_if};

/// One batch at a time makes the order of batches exact.
fn one_at_a_time() -> Limits {
    Limits::default().with_in_flight(1)
}

#[tokio::test(start_paused = true)]
async fn an_idle_batcher_sends_a_call_at_once() {
    let batcher = Recorder::open(Limits::default());
    let start = Instant::now();
    for number in 0..3 {
        assert_eq!(batcher.call(read(number)).await, Ok(number));
    }
    assert_eq!(start.elapsed(), Duration::ZERO); // the paused clock moves only if a timer is waited for
    assert_eq!(batcher.batch().batches(), [[0], [1], [2]]);
}

#[tokio::test(start_paused = true)]
async fn what_queues_while_a_batch_runs_is_the_next_batch() {
    let batcher = Recorder::gated(one_at_a_time());
    let first = begin(&batcher, read(0)).await;
    batcher.batch().begun(1).await;
    let rest = begin_all(&batcher, (1..=5).map(read)).await;
    batcher.batch().let_through(2);
    assert_eq!(first.await, Ok(0));
    assert_eq!(answers(rest).await, [1, 2, 3, 4, 5].map(Ok));
    assert_eq!(batcher.batch().batches(), [vec![0], vec![1, 2, 3, 4, 5]]);
}

#[tokio::test(start_paused = true)]
async fn as_many_batches_run_at_once_as_may() {
    let batcher = Recorder::gated(Limits::default().with_in_flight(3).with_batch_calls(1));
    let calls = begin_all(&batcher, (0..10).map(read)).await;
    batcher.batch().begun(3).await;
    sleep(Duration::from_millis(1)).await; // long enough for a fourth
    assert_eq!(batcher.batch().batches(), [[0], [1], [2]]);
    batcher.batch().let_through(10);
    assert_eq!(answers(calls).await, (0..10).map(Ok).collect::<Vec<_>>());
    assert_eq!(batcher.batch().most_running(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_batch_is_bounded_in_calls() {
    let batcher = Recorder::open(one_at_a_time().with_batch_calls(3));
    let calls = begin_all(&batcher, (0..8).map(read)).await;
    answers(calls).await;
    assert_eq!(
        batcher.batch().batches(),
        [vec![0, 1, 2], vec![3, 4, 5], vec![6, 7]]
    );
}

#[tokio::test(start_paused = true)]
async fn a_batch_is_bounded_in_bytes() {
    let batcher = Recorder::open(one_at_a_time().with_batch_bytes(10));
    let weights = [5, 5, 1, 11, 0, 4, 7];
    let calls = (0..)
        .zip(weights)
        .map(|(n, weight)| read(n).weighing(weight));
    let calls = begin_all(&batcher, calls).await;
    answers(calls).await;
    // 3 is over the bound and goes alone; nothing light overtakes what is too heavy for the rest.
    assert_eq!(
        batcher.batch().batches(),
        [vec![0, 1], vec![2], vec![3], vec![4, 5], vec![6]]
    );
}

#[tokio::test(start_paused = true)]
async fn bounds_of_zero_count_as_one() {
    let limits = Limits::default()
        .with_in_flight(0)
        .with_batch_calls(0)
        .with_batch_bytes(0)
        .with_queue_calls(0)
        .with_queue_bytes(0);
    let batcher = Recorder::open(limits);
    let (a, b) = tokio::join!(batcher.call(read(1)), batcher.call(read(2)));
    assert_eq!((a, b), (Ok(1), Ok(2)));
    assert_eq!(batcher.batch().batches(), [[1], [2]]);
}

#[tokio::test(start_paused = true)]
async fn the_largest_limits_are_as_good_as_none() {
    let limits = Limits::default()
        .with_in_flight(usize::MAX)
        .with_batch_calls(usize::MAX)
        .with_batch_bytes(usize::MAX)
        .with_queue_calls(usize::MAX)
        .with_queue_bytes(usize::MAX)
        .with_queue_wait(Duration::MAX)
        .with_timeout(Duration::MAX);
    let batcher = Recorder::open(limits);
    for weight in [0, 1, u32::MAX as usize, usize::MAX] {
        assert_eq!(batcher.call(read(1).weighing(weight)).await, Ok(1));
    }
}

#[tokio::test(start_paused = true)]
async fn a_conditional_write_shares_with_no_write_to_its_key() {
    let batcher = Recorder::open(one_at_a_time());
    let calls = [
        write(0, "a"),
        write(1, "a"),
        write_if(2, "a"), // not with 0 and 1
        write_if(3, "b"),
        write(4, "b"), // not with 3
        write(5, "a"), // not before 2
        read(6),
        write(7, "c"),
        write_if(8, "a"), // not with 5
        write(9, "b"),
    ];
    let calls = begin_all(&batcher, calls).await;
    answers(calls).await;
    assert_eq!(
        batcher.batch().batches(),
        [vec![0, 1, 3, 6, 7], vec![2, 4, 9], vec![5], vec![8]]
    );
}

#[tokio::test(start_paused = true)]
async fn plain_writes_that_do_not_fit_keep_their_order() {
    let batcher = Recorder::open(one_at_a_time().with_batch_calls(2));
    let calls = [
        write(0, "a"),
        write(1, "b"),
        write(2, "a"),
        write(3, "a"),
        write(4, "b"),
        write(5, "a"),
    ];
    let calls = begin_all(&batcher, calls).await;
    answers(calls).await;
    assert_eq!(batcher.batch().batches(), [[0, 1], [2, 3], [4, 5]]);
}

#[tokio::test(start_paused = true)]
async fn two_batches_never_write_one_key_at_once() {
    let batcher = Recorder::gated(Limits::default().with_in_flight(3));
    let first = begin(&batcher, write(0, "a")).await;
    batcher.batch().begun(1).await;
    let second = begin(&batcher, write_if(1, "a")).await;
    let third = begin(&batcher, write(2, "a")).await;
    let other = begin(&batcher, read(3)).await;
    batcher.batch().begun(2).await;
    sleep(Duration::from_millis(1)).await; // long enough for a third
    assert_eq!(batcher.batch().batches(), [[0], [3]]);
    batcher.batch().let_through(4);
    assert_eq!(
        answers([first, second, third, other]).await,
        [0, 1, 2, 3].map(Ok)
    );
    assert_eq!(batcher.batch().batches(), [[0], [3], [1], [2]]);
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_frees_more_than_the_next_one_holds_starts_another() {
    let limits = Limits::default().with_in_flight(2).with_batch_bytes(10);
    let batcher = Recorder::gated(limits);
    let mut calls = begin_all(&batcher, [write(0, "a"), write(1, "b")]).await;
    batcher.batch().begun(1).await;
    let heavy = [write(2, "a"), write(3, "b")].map(|call| call.weighing(10));
    calls.extend(begin_all(&batcher, heavy).await);
    sleep(Duration::from_millis(1)).await; // any idle lane has left
    batcher.batch().let_through(1);
    batcher.batch().begun(3).await; // both, with neither let through
    batcher.batch().let_through(2);
    assert_eq!(answers(calls).await, [0, 1, 2, 3].map(Ok));
    assert_eq!(batcher.batch().batches(), [vec![0, 1], vec![2], vec![3]]);
}

#[tokio::test(start_paused = true)]
async fn a_busy_key_holds_up_no_other() {
    let batcher = Recorder::gated(one_at_a_time());
    let mut calls = begin_all(&batcher, (0..5_000).map(|n| write_if(n, "busy"))).await;
    batcher.batch().begun(1).await;
    calls.push(begin(&batcher, write(5_000, "other")).await);
    calls.push(begin(&batcher, read(5_001)).await);
    batcher.batch().let_through(5_000);
    assert_eq!(answers(calls).await, (0..5_002).map(Ok).collect::<Vec<_>>());
    let batches = batcher.batch().batches();
    assert_eq!(batches[..3], [vec![0], vec![1, 5_000, 5_001], vec![2]]);
    assert_eq!(batches.len(), 5_000);
}

#[tokio::test(start_paused = true)]
async fn constant_load_starves_nobody() {
    let batcher = Recorder::gated(Limits::default().with_batch_calls(8));
    let load: Vec<_> = (0..64)
        .map(|n| tokio::spawn(keep_writing(batcher.clone(), n)))
        .collect();
    for number in 1_000..1_020 {
        tick(&batcher, 50).await;
        let before = batcher.batch().batches().len();
        let call = begin(&batcher, write_if(number, "hot")).await;
        let mut ticks = 0;
        while !batcher.batch().batches().concat().contains(&number) {
            tick(&batcher, 1).await;
            ticks += 1;
            assert!(ticks < 100, "call {number} starves");
        }
        tick(&batcher, 2).await;
        assert_eq!(call.await, Ok(number));
        let after = batcher.batch().batches();
        let own = after
            .iter()
            .position(|batch| batch.contains(&number))
            .unwrap();
        // 64 calls before it, of which 8 fill a batch.
        assert!(
            own - before <= 64 / 8 + 2,
            "{} batches went before",
            own - before
        );
    }
    for task in &load {
        task.abort();
    }
}

async fn keep_writing(batcher: Batcher<Recorder>, number: u32) {
    loop {
        batcher.call(write(number, "hot")).await.unwrap();
    }
}

/// Lets batches through, one each millisecond.
async fn tick(batcher: &Batcher<Recorder>, batches: usize) {
    for _ in 0..batches {
        batcher.batch().let_through(1);
        sleep(Duration::from_millis(1)).await;
    }
}
