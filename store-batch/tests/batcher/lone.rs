//! Callers who are alone, and run their batches themselves.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use session_store_batch::{Batch, Batcher, Error, Failure, Limits, Sharing};
use tokio::task::yield_now;
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

/// How often somebody was woken.
#[derive(Default)]
struct Wakes(AtomicUsize);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[tokio::test(start_paused = true)]
async fn a_lone_caller_is_not_woken_by_his_own_batch() {
    let batcher = Recorder::gated(one_at_a_time());
    batcher.batch().let_through(1);
    assert_eq!(batcher.call(read(0)).await, Ok(0));
    let wakes = Arc::new(Wakes::default());
    let waker = Waker::from(Arc::clone(&wakes));
    let mut context = Context::from_waker(&waker);
    let mut call = pin!(batcher.call(read(1)));
    assert_eq!(call.as_mut().poll(&mut context), Poll::Pending);
    batcher.batch().let_through(1);
    assert_eq!(call.as_mut().poll(&mut context), Poll::Ready(Ok(1)));
    // By what the batch waited for.
    assert_eq!(wakes.0.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_lone_caller_who_is_joined_by_another_is_woken_with_his_answer() {
    let batcher = Recorder::gated(one_at_a_time());
    batcher.batch().let_through(1);
    assert_eq!(batcher.call(read(0)).await, Ok(0));
    let call = |number| {
        let batcher = batcher.clone();
        tokio::spawn(async move { batcher.call(read(number)).await })
    };
    let first = call(1);
    batcher.batch().begun(2).await;
    let second = call(2);
    yield_now().await;
    batcher.batch().let_through(2);
    assert_eq!(first.await.unwrap(), Ok(1));
    assert_eq!(second.await.unwrap(), Ok(2));
}
