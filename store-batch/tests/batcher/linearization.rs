//! Under any load the calls take effect one after another, each between its begin and its answer.

use std::collections::HashMap;
use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;

use session_store_batch::Batcher;
use tokio::task::JoinSet;

use crate::history::{Entry, is_linearizable};
use crate::random::Random;
use crate::registers::{Answer, Call, Op, Registers, yield_times};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_history_is_linearizable() {
    let mut random = Random::new();
    for _ in 0..10 {
        let batcher = Registers::batcher(&mut random, 5); // so that some wait for room
        let clock = Arc::new(AtomicU64::new(1));
        let mut clients = JoinSet::new();
        for client in 0..12 {
            let client = work(
                client % 3,
                batcher.clone(),
                Arc::clone(&clock),
                random.fork(),
            );
            clients.spawn(client);
        }
        let mut histories = HashMap::<_, Vec<_>>::new();
        while let Some(client) = clients.join_next().await {
            let (register, entries) = client.unwrap();
            histories.entry(register).or_default().extend(entries);
        }
        for history in histories.into_values() {
            assert!(is_linearizable(history));
        }
    }
}

/// What one client does to one register. `clock` orders all events, and makes every value unique.
async fn work(
    register: usize,
    batcher: Batcher<Registers>,
    clock: Arc<AtomicU64>,
    mut random: Random,
) -> (usize, Vec<Entry>) {
    let tick = || clock.fetch_add(1, Ordering::SeqCst);
    let mut entries = Vec::new();
    let mut seen = 0;
    for _ in 0..50 {
        let op = match random.below(10) {
            0..4 => Op::Get,
            4..7 => Op::Put(tick()),
            _ => Op::Swap {
                old: seen,
                new: tick(),
            },
        };
        let patience = match random.below(30) {
            0 => random.below(10),
            _ => usize::MAX,
        };
        let begun = tick();
        let answer = call_with(&batcher, Call::new(register, op), patience).await;
        if let Some(Answer::Value(value)) = answer {
            seen = value;
        }
        let answered = answer.map(|answer| (tick(), answer));
        entries.push(Entry {
            op,
            begun,
            answered,
        });
    }
    (register, entries)
}

/// Makes a call and gives up after some `patience`.
async fn call_with(batcher: &Batcher<Registers>, call: Call, patience: usize) -> Option<Answer> {
    tokio::select! {
        biased;
        answer = batcher.call(call) => Some(answer.unwrap()),
        () = yield_times(patience) => None,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn plain_writes_to_a_key_are_applied_in_order() {
    let mut random = Random::new();
    for _ in 0..10 {
        let batcher = Registers::batcher(&mut random, 1_000); // with room for all, which queue as they are made
        let mut writers = JoinSet::new();
        for register in 0..4 {
            writers.spawn(write_in_order(register, batcher.clone(), random.fork()));
        }
        while let Some(writer) = writers.join_next().await {
            writer.unwrap();
        }
        let puts = batcher.batch().puts.lock().unwrap();
        for register in 0..4 {
            let of_this = puts.iter().filter(|(at, _)| *at == register);
            let values: Vec<u64> = of_this.map(|(_, value)| *value).collect();
            assert!(values.is_sorted(), "{values:?}");
            assert!(values.len() >= 100);
        }
    }
}

/// Makes several writes at once, in order, and gives up some of them, but never the last.
async fn write_in_order(register: usize, batcher: Batcher<Registers>, mut random: Random) {
    let mut next = 0;
    for _ in 0..100 {
        let mut calls = Vec::new();
        for _ in 0..=random.below(6) {
            next += 1;
            let mut call = Box::pin(batcher.call(Call::new(register, Op::Put(next))));
            match poll_fn(|cx| Poll::Ready(call.as_mut().poll(cx))).await {
                Poll::Ready(answer) => assert_eq!(answer, Ok(Answer::Done)),
                Poll::Pending => calls.push(call),
            }
        }
        yield_times(random.below(20)).await;
        let last = calls.pop();
        calls.retain(|_| random.below(3) > 0);
        for call in calls.into_iter().chain(last) {
            assert_eq!(call.await, Ok(Answer::Done));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn counters_count_every_increment() {
    let mut random = Random::new();
    let batcher = Registers::batcher(&mut random, 5);
    let mut tasks = JoinSet::new();
    for task in 0..8 {
        tasks.spawn(count(task % 2, batcher.clone()));
    }
    while let Some(task) = tasks.join_next().await {
        task.unwrap();
    }
    for register in 0..2 {
        let total = batcher.call(Call::new(register, Op::Get)).await;
        assert_eq!(total, Ok(Answer::Value(4 * 50)));
    }
}

/// Adds 50 to a register, one by one.
async fn count(register: usize, batcher: Batcher<Registers>) {
    for _ in 0..50 {
        loop {
            let value = batcher.call(Call::new(register, Op::Get)).await;
            let Ok(Answer::Value(old)) = value else {
                panic!("{value:?}");
            };
            let swap = Op::Swap { old, new: old + 1 };
            if batcher.call(Call::new(register, swap)).await == Ok(Answer::Swapped(true)) {
                break;
            }
        }
    }
}
