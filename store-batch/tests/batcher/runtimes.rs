//! Whatever runtimes come and go.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Waker};
use std::time::Duration;

use session_store_batch::{Batch, Batcher, Error, Failure, Limits, Sharing};
use tokio::runtime::{Builder, Runtime};
use tokio::task::{JoinSet, yield_now};

use crate::recorder::{Recorder, answers, begin, begin_all, read, write, write_if};

/// Long enough never to matter: a test that needs it hangs for as long, and fails.
const LONG: Duration = Duration::from_secs(60);

fn current_thread() -> Runtime {
    Builder::new_current_thread().enable_time().build().unwrap()
}

fn multi_thread() -> Runtime {
    Builder::new_multi_thread()
        .worker_threads(2)
        .enable_time()
        .build()
        .unwrap()
}

fn one_at_a_time() -> Limits {
    Limits::default().with_in_flight(1).with_timeout(LONG)
}

#[test]
fn nothing_is_left_of_an_idle_batcher() {
    for runtime in [current_thread(), multi_thread()] {
        let batcher = Recorder::open(Limits::default());
        runtime.block_on(async {
            assert_eq!(runtime.metrics().num_alive_tasks(), 0);
            for _ in 0..3 {
                let mut calls = JoinSet::new();
                for number in 0..100 {
                    let batcher = batcher.clone();
                    calls.spawn(async move { batcher.call(write_if(number % 50, "a")).await });
                }
                for answer in calls.join_all().await {
                    answer.unwrap();
                }
                while runtime.metrics().num_alive_tasks() > 0 {
                    yield_now().await; // the last batch is answered before its task ends
                }
            }
        });
    }
}

#[test]
fn the_last_handle_drops_the_batch() {
    struct Witness(#[expect(dead_code, reason = "counts")] Arc<()>);

    impl Batch for Witness {
        type Call = ();
        type Answer = ();
        type Error = ();

        fn weight(&self, (): &()) -> usize {
            0
        }

        fn sharing<'a>(&self, (): &'a ()) -> Sharing<'a> {
            Sharing::Free
        }

        async fn run(&self, calls: &[()]) -> Result<Vec<()>, Failure<()>> {
            Ok(calls.to_vec())
        }
    }

    let witness = Arc::new(());
    let batcher = Batcher::new(Witness(Arc::clone(&witness)), Limits::default());
    let clone = batcher.clone();
    multi_thread().block_on(async {
        clone.call(()).await.unwrap();
        drop(clone);
        assert_eq!(Arc::strong_count(&witness), 2);
        drop(batcher);
        while Arc::strong_count(&witness) > 1 {
            yield_now().await;
        }
    });
}

#[test]
fn thousands_of_callers_on_one_thread() {
    let batcher = Recorder::open(
        Limits::default()
            .with_queue_calls(100)
            .with_queue_wait(LONG),
    );
    current_thread().block_on(async {
        let mut calls = JoinSet::new();
        for number in 0..5_000 {
            let batcher = batcher.clone();
            calls.spawn(async move { (number, batcher.call(read(number)).await) });
        }
        while let Some(call) = calls.join_next().await {
            let (number, answer) = call.unwrap();
            assert_eq!(answer, Ok(number));
        }
    });
    assert_eq!(batcher.batch().batches().concat().len(), 5_000);
}

#[test]
fn one_batcher_serves_one_runtime_after_another() {
    let batcher = Recorder::open(one_at_a_time());
    for number in 0..10 {
        let runtime = if number % 2 == 0 {
            current_thread()
        } else {
            multi_thread()
        };
        assert_eq!(runtime.block_on(batcher.call(read(number))), Ok(number));
    }
}

#[test]
fn a_runtime_ends_with_its_calls() {
    for runtime in [current_thread(), multi_thread()] {
        let batcher = Recorder::gated(one_at_a_time());
        for number in 0..10 {
            let batcher = batcher.clone();
            runtime.spawn(async move { batcher.call(write(number, "a")).await });
        }
        runtime.block_on(batcher.batch().begun(1));
        drop(runtime);
        batcher.batch().let_through(1);
        assert_eq!(
            current_thread().block_on(batcher.call(write(10, "a"))),
            Ok(10)
        );
        assert_eq!(batcher.batch().batches().last().unwrap(), &[10]);
    }
}

#[test]
fn callers_outlive_the_runtime_that_ran_their_batch() {
    for living in [current_thread(), multi_thread()] {
        let dying = multi_thread();
        let batcher = Recorder::gated(one_at_a_time());
        let first = batcher.clone();
        dying.spawn(async move { first.call(write(0, "a")).await });
        living.block_on(async {
            batcher.batch().begun(1).await;
            let running = begin_all(&batcher, [read(1), write(2, "a")]).await;
            batcher.batch().let_through(1);
            batcher.batch().begun(2).await; // on the lane of call 0, so on its runtime
            let queued = [read(3), write(4, "a"), write_if(5, "a"), read(6)];
            let queued = begin_all(&batcher, queued).await;
            dying.shutdown_background();
            assert_eq!(answers(running).await, [Err(Error::Lost); 2]);
            batcher.batch().let_through(10);
            assert_eq!(answers(queued).await, [3, 4, 5, 6].map(Ok));
        });
    }
}

#[test]
fn callers_outlive_the_runtime_that_would_have_run_their_batch() {
    for living in [current_thread(), multi_thread()] {
        let dying = current_thread();
        let batcher = Recorder::gated(one_at_a_time());
        let first = dying.block_on(begin(&batcher, write(0, "a"))); // its lane has not begun
        living.block_on(async {
            let queued = begin_all(&batcher, [read(1), write(2, "a")]).await;
            drop(first);
            dying.shutdown_background();
            batcher.batch().let_through(10);
            assert_eq!(answers(queued).await, [Ok(1), Ok(2)]);
        });
        assert!(!batcher.batch().batches().concat().contains(&0));
    }
}

/// Runtimes come and go while callers on one that stays keep calling.
#[test]
fn a_batcher_survives_runtime_after_runtime() {
    let batcher = Recorder::open(Limits::default().with_batch_calls(4).with_timeout(LONG));
    let over = Arc::new(AtomicBool::new(false));
    let living = multi_thread();
    let callers: Vec<_> = (0..8)
        .map(|number| {
            let (batcher, over) = (batcher.clone(), Arc::clone(&over));
            living.spawn(async move {
                let mut answered = 0;
                while !over.load(Ordering::Relaxed) || answered == 0 {
                    match batcher.call(write(number, "a")).await {
                        Ok(answer) => assert_eq!(answer, number),
                        Err(error) => assert_eq!(error, Error::Lost),
                    }
                    answered += 1;
                }
            })
        })
        .collect();
    for round in 0..50 {
        let dying = multi_thread();
        for number in 100..120 {
            let batcher = batcher.clone();
            dying.spawn(async move {
                loop {
                    let _ = batcher.call(write_if(number, "b")).await;
                }
            });
        }
        std::thread::sleep(Duration::from_millis(1));
        if round % 2 == 0 {
            dying.shutdown_background();
        } else {
            drop(dying);
        }
    }
    over.store(true, Ordering::Relaxed);
    living.block_on(async {
        for caller in callers {
            caller.await.unwrap();
        }
    });
}

#[test]
fn a_runtime_that_nobody_drives_holds_a_lane_no_longer_than_the_timeout() {
    let limits = Limits::default().with_timeout(Duration::from_millis(20));
    let batcher = Recorder::gated(limits.with_in_flight(1));
    let still = current_thread();
    still.block_on(async {
        let call = begin(&batcher, write(1, "a")).await;
        batcher.batch().begun(1).await;
        drop(call);
    });
    batcher.batch().let_through(1_000);
    // The lane stands in `still` with its batch, and holds the key as well.
    current_thread().block_on(assert_answered(&batcher, 2));
    // Driven again, it leaves, for it was given up.
    still.block_on(async {
        while still.metrics().num_alive_tasks() > 0 {
            yield_now().await;
        }
        assert_answered(&batcher, 3).await;
    });
}

/// Within some calls: one may time out because the machine is slow.
async fn assert_answered(batcher: &Batcher<Recorder>, number: u32) {
    let mut answer = Err(Error::Lost);
    for _ in 0..100 {
        answer = batcher.call(write(number, "a")).await;
        if answer.is_ok() {
            break;
        }
    }
    assert_eq!(answer, Ok(number));
}

#[test]
fn on_a_runtime_that_is_gone_a_call_times_out() {
    for gone in [current_thread(), multi_thread()] {
        let limits = Limits::default().with_timeout(Duration::from_millis(20));
        let batcher = Recorder::open(limits);
        let handle = gone.handle().clone();
        drop(gone);
        let answer = handle.block_on(batcher.call(write(1, "a")));
        assert_eq!(answer, Err(Error::Timeout { sent: false }));
        let answer = current_thread().block_on(batcher.call(write(2, "a")));
        assert!(
            matches!(answer, Ok(2) | Err(Error::Timeout { .. })),
            "{answer:?}"
        );
        assert!(!batcher.batch().batches().concat().contains(&1));
    }
}

#[test]
fn outside_a_runtime_a_call_panics_and_the_batcher_lives() {
    let batcher = Recorder::open(Limits::default());
    let call = || {
        let mut call = pin!(batcher.call(write(1, "a")));
        let _ = call.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    };
    for _ in 0..3 {
        catch_unwind(AssertUnwindSafe(call)).unwrap_err();
    }
    assert_eq!(
        current_thread().block_on(batcher.call(write(2, "a"))),
        Ok(2)
    );
    assert_eq!(batcher.batch().batches(), [[2]]);
}
