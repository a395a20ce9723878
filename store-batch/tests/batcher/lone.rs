//! Callers who are alone, and run their batches themselves.

use std::future::Future;
use std::pin::Pin;
use std::sync::OnceLock;
use std::time::Duration;

use session_store_batch::{Batch, Batcher, Error, Failure, Limits, Sharing};
use tokio::time::sleep;

use crate::recorder::{Effect, Recorder, begin, read};

fn one_at_a_time() -> Limits {
    Limits::default().with_in_flight(1)
}

/// A batch that makes a call of its own to the batcher it belongs to.
struct Nested(OnceLock<Batcher<Self>>);

impl Batch for Nested {
    type Call = u32;
    type Answer = u32;
    type Error = ();

    fn weight(&self, _: &u32) -> usize {
        0
    }

    fn sharing<'a>(&self, _: &'a u32) -> Sharing<'a> {
        Sharing::Free
    }

    async fn run(&self, calls: &[u32]) -> Result<Vec<u32>, Failure<()>> {
        if let (&[depth @ 1..=9], Some(batcher)) = (calls, self.0.get()) {
            let inner: Pin<Box<dyn Future<Output = _> + Send>> = Box::pin(batcher.call(depth - 1));
            assert_eq!(inner.await, Ok(depth - 1));
        }
        Ok(calls.to_vec())
    }
}

#[tokio::test(start_paused = true)]
async fn a_batch_may_make_a_call_of_its_own() {
    let batcher = Batcher::new(Nested(OnceLock::new()), Limits::default());
    assert!(batcher.batch().0.set(batcher.clone()).is_ok());
    for _ in 0..3 {
        assert_eq!(batcher.call(0).await, Ok(0)); // calls come one by one from here on
        assert_eq!(batcher.call(1).await, Ok(1));
    }
}

#[tokio::test(start_paused = true)]
async fn a_lone_caller_who_is_never_polled_again_keeps_nobody_waiting() {
    let batcher = Recorder::gated(one_at_a_time());
    batcher.batch().let_through(1);
    assert_eq!(batcher.call(read(0)).await, Ok(0)); // calls come one by one from here on
    let abandoned = begin(&batcher, read(1)).await;
    batcher.batch().let_through(2);
    assert_eq!(batcher.call(read(2)).await, Ok(2));
    assert_eq!(abandoned.await, Ok(1));
}

#[tokio::test(start_paused = true)]
async fn a_lone_caller_who_is_dropped_leaves_his_batch_running() {
    let batcher = Recorder::gated(one_at_a_time());
    batcher.batch().let_through(1);
    assert_eq!(batcher.call(read(0)).await, Ok(0));
    drop(begin(&batcher, read(1)).await);
    batcher.batch().let_through(1);
    sleep(Duration::from_millis(1)).await;
    assert_eq!(batcher.batch().batches(), [[0], [1]]);
    assert_eq!(batcher.batch().most_running(), 1);
    batcher.batch().let_through(1);
    assert_eq!(batcher.call(read(2)).await, Ok(2));
}

#[tokio::test(start_paused = true)]
async fn a_lone_caller_does_not_panic_with_his_batch() {
    let batcher = Recorder::open(one_at_a_time());
    assert_eq!(batcher.call(read(0)).await, Ok(0));
    assert_eq!(
        batcher.call(read(1).with(Effect::Panic)).await,
        Err(Error::Lost)
    );
    assert_eq!(batcher.call(read(2)).await, Ok(2));
}
