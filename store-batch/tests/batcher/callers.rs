//! Callers that give up, wait, or are refused.

use std::time::Duration;

use session_store_batch::{Batcher, Error, Limits};
use tokio::time::{Instant, sleep, timeout};

use crate::random::Random;
use crate::recorder::{
    Call, Effect, Recorder, answers, assert_took, begin, begin_all, read, write, write_if,
};

/// A batcher whose only lane runs call 0, which writes the key "busy", until it is let through.
async fn busy(limits: Limits) -> Batcher<Recorder> {
    let batcher = Recorder::gated(limits.with_in_flight(1));
    let first = begin(&batcher, write(0, "busy")).await;
    batcher.batch().begun(1).await;
    drop(first);
    batcher
}

#[tokio::test(start_paused = true)]
async fn a_call_cancelled_at_once_is_not_sent() {
    let batcher = Recorder::open(Limits::default());
    drop(begin(&batcher, write(1, "a")).await);
    assert_eq!(batcher.call(write(2, "a")).await, Ok(2));
    assert_eq!(batcher.batch().batches(), [[2]]);
}

#[tokio::test(start_paused = true)]
async fn a_call_cancelled_in_the_queue_is_not_sent() {
    let batcher = busy(Limits::default()).await;
    let mut calls = begin_all(
        &batcher,
        [
            read(1),
            write(2, "a"),
            write_if(3, "a"), // behind 2
            write(4, "a"),    // behind 3
            write(5, "busy"), // behind 0, which runs
            write(6, "busy"),
        ],
    )
    .await;
    drop(calls.remove(4));
    drop(calls.remove(1));
    drop(calls.remove(0));
    batcher.batch().let_through(3);
    assert_eq!(answers(calls).await, [3, 4, 6].map(Ok));
    assert_eq!(batcher.batch().batches(), [vec![0], vec![3, 6], vec![4]]);
}

#[tokio::test(start_paused = true)]
async fn a_call_cancelled_in_flight_harms_no_neighbour() {
    let batcher = Recorder::gated(Limits::default());
    let mut calls = begin_all(&batcher, [read(1), write(2, "a"), read(3)]).await;
    batcher.batch().begun(1).await;
    drop(calls.remove(1));
    let next = begin(&batcher, write(4, "a")).await;
    batcher.batch().let_through(2);
    assert_eq!(answers(calls).await, [Ok(1), Ok(3)]);
    assert_eq!(next.await, Ok(4));
    assert_eq!(batcher.batch().batches(), [vec![1, 2, 3], vec![4]]);
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_write_is_not_overtaken_by_the_next() {
    let batcher = Recorder::gated(Limits::default().with_in_flight(4));
    let late = begin(&batcher, write(1, "a")).await;
    batcher.batch().begun(1).await;
    drop(late);
    let next = begin(&batcher, write(2, "a")).await;
    sleep(Duration::from_millis(1)).await; // long enough for another lane
    assert_eq!(batcher.batch().batches(), [[1]]);
    batcher.batch().let_through(2);
    assert_eq!(next.await, Ok(2));
}

#[tokio::test(start_paused = true)]
async fn a_call_that_times_out_in_the_queue_is_not_sent() {
    let batcher = Recorder::gated(Limits::default().with_timeout(Duration::from_secs(60)));
    let start = Instant::now();
    let first = begin(&batcher, write(0, "a")).await;
    batcher.batch().begun(1).await;
    // Each batch takes 40 seconds, so the third write to the key comes too late.
    let second = begin(&batcher, write_if(1, "a")).await;
    let third = begin(&batcher, write_if(2, "a")).await;
    sleep(Duration::from_secs(40)).await;
    batcher.batch().let_through(1);
    assert_eq!(first.await, Ok(0));
    batcher.batch().begun(2).await;
    assert_eq!(third.await, Err(Error::Timeout { sent: false }));
    assert_eq!(second.await, Err(Error::Timeout { sent: true }));
    assert_took(start, Duration::from_secs(60));
    sleep(Duration::from_secs(100)).await;
    assert_eq!(batcher.batch().batches(), [[0], [1]]);
    batcher.batch().let_through(1);
    assert_eq!(batcher.call(write(3, "a")).await, Ok(3));
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_refuses_after_the_wait() {
    let wait = Duration::from_millis(300);
    let batcher = busy(Limits::default().with_queue_calls(2).with_queue_wait(wait)).await;
    let mut queued = begin_all(&batcher, [read(1), read(2)]).await;
    let start = Instant::now();
    assert_eq!(batcher.call(read(3)).await, Err(Error::QueueFull));
    assert_took(start, wait);
    // Whoever waits when there is room again gets in.
    queued.push(begin(&batcher, read(4)).await);
    sleep(wait / 2).await;
    batcher.batch().let_through(3);
    assert_eq!(answers(queued).await, [1, 2, 4].map(Ok));
    assert_eq!(batcher.batch().batches(), [vec![0], vec![1, 2], vec![4]]);
}

#[tokio::test(start_paused = true)]
async fn without_a_wait_a_full_queue_refuses_at_once() {
    let limits = Limits::default()
        .with_queue_calls(1)
        .with_queue_wait(Duration::ZERO);
    let batcher = busy(limits).await;
    let queued = begin(&batcher, read(1)).await;
    let start = Instant::now();
    assert_eq!(batcher.call(read(2)).await, Err(Error::QueueFull));
    assert_took(start, Duration::ZERO);
    batcher.batch().let_through(2);
    assert_eq!(queued.await, Ok(1));
}

#[tokio::test(start_paused = true)]
async fn the_queue_is_bounded_in_bytes() {
    let limits = Limits::default()
        .with_queue_bytes(10)
        .with_queue_wait(Duration::ZERO);
    let batcher = busy(limits).await;
    let light = begin(&batcher, read(1).weighing(4)).await;
    assert_eq!(
        batcher.call(read(2).weighing(7)).await,
        Err(Error::QueueFull)
    );
    let fits = begin(&batcher, read(3).weighing(6)).await;
    assert_eq!(batcher.call(read(4)).await, Err(Error::QueueFull));
    batcher.batch().let_through(2);
    assert_eq!(answers([light, fits]).await, [Ok(1), Ok(3)]);
}

#[tokio::test(start_paused = true)]
async fn a_call_heavier_than_the_queue_waits_for_it_to_empty() {
    let batcher = busy(Limits::default().with_queue_bytes(10)).await;
    let light = begin(&batcher, read(1)).await;
    let heavy = begin(&batcher, read(2).weighing(1_000)).await;
    let behind = begin(&batcher, read(3)).await;
    batcher.batch().let_through(4);
    assert_eq!(answers([light, heavy, behind]).await, [1, 2, 3].map(Ok));
    assert_eq!(batcher.batch().batches(), [[0], [1], [2], [3]]);
}

#[tokio::test(start_paused = true)]
async fn cancelled_callers_leave_no_hole_in_the_queue() {
    let limits = Limits::default().with_queue_calls(3).with_queue_bytes(30);
    let batcher = busy(limits).await;
    let queued = begin_all(&batcher, (1..=3).map(|n| read(n).weighing(10))).await;
    let waiting = begin_all(&batcher, (4..=9).map(|n| read(n).weighing(5))).await;
    drop(waiting);
    drop(queued);
    assert_room(&batcher, 3, 10).await;
}

/// Callers that give up at any moment or never, whose batches fail, panic or hang.
#[tokio::test(start_paused = true)]
async fn whatever_callers_do_the_queue_is_whole_afterwards() {
    let mut random = Random::new();
    for _ in 0..20 {
        let lanes = 1 + random.below(3);
        let limits = Limits::default()
            .with_in_flight(lanes)
            .with_batch_calls(1 + random.below(5))
            .with_queue_calls(10)
            .with_queue_bytes(100)
            .with_queue_wait(Duration::from_millis(10))
            .with_timeout(Duration::from_millis(500));
        let batcher = Recorder::gated(limits);
        let gate = tokio::spawn(open_slowly(batcher.clone(), random.fork()));
        let callers: Vec<_> = (0..100)
            .map(|n| tokio::spawn(call_and_give_up(batcher.clone(), n, random.fork())))
            .collect();
        for caller in callers {
            caller.await.unwrap();
        }
        sleep(Duration::from_secs(1)).await; // by now every batch has ended or been given up
        gate.abort();
        gate.await.unwrap_err();
        batcher.batch().close();

        let before = batcher.batch().batches().len();
        for lane in 1..=lanes {
            let call = begin(&batcher, read(0)).await;
            batcher.batch().begun(before + lane).await;
            drop(call);
        }
        assert_room(&batcher, 10, 10).await;
    }
}

async fn call_and_give_up(batcher: Batcher<Recorder>, number: u32, mut random: Random) {
    for _ in 0..10 {
        let call = any_call(number, &mut random);
        let patience = Duration::from_millis(random.below(20) as u64);
        match random.below(3) {
            0 => drop(batcher.call(call).await),
            _ => drop(timeout(patience, batcher.call(call)).await),
        }
    }
}

fn any_call(number: u32, random: &mut Random) -> Call {
    let key = ["a", "b", "c"][random.below(3)];
    let call = [read(number), write(number, key), write_if(number, key)][random.below(3)];
    let call = call.weighing(random.below(30));
    match random.below(100) {
        0 => call.with(Effect::Panic),
        1 => call.with(Effect::Hang),
        2 => call.with(Effect::Lose),
        3..=5 => call.with(Effect::Fail),
        6..=8 => call.with(Effect::Spoil),
        _ => call,
    }
}

async fn open_slowly(batcher: Batcher<Recorder>, mut random: Random) {
    loop {
        batcher.batch().let_through(1);
        sleep(Duration::from_millis(random.below(4) as u64)).await;
    }
}

/// Nothing queues and every lane is busy: `calls` calls of `weight` bytes fill the queue exactly.
async fn assert_room(batcher: &Batcher<Recorder>, calls: u32, weight: usize) {
    let queued = begin_all(batcher, (1..=calls).map(|n| read(n).weighing(weight))).await;
    let more = [read(0).weighing(0), read(0).weighing(1)];
    for call in more {
        assert_eq!(batcher.call(call).await, Err(Error::QueueFull));
    }
    drop(queued);
}
