//! Doing many things at once, and leaving off in the middle.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;
use tokio::task::{JoinSet, yield_now};
use tokio::time::sleep;

/// Runs these as tasks of their own, which a multi-thread runtime runs at the same time, and answers
/// what they answered, in no order, or what the first to fail says.
///
/// Dropping the future ends them.
pub(crate) async fn at_once<T, F>(tasks: Vec<F>) -> Result<Vec<T>, String>
where
    T: Send + 'static,
    F: Future<Output = Result<T, String>> + Send + 'static,
{
    let all = tasks.len();
    by_turns(all, tasks).await
}

/// The same for many tasks, of which at most `limit` run at a time: other cases wait in the same queues.
pub(crate) async fn by_turns<T, F>(limit: usize, tasks: Vec<F>) -> Result<Vec<T>, String>
where
    T: Send + 'static,
    F: Future<Output = Result<T, String>> + Send + 'static,
{
    let mut answers = Vec::with_capacity(tasks.len());
    let mut waiting = tasks.into_iter();
    let mut running: JoinSet<_> = waiting.by_ref().take(limit).collect();
    while let Some(ended) = running.join_next().await {
        answers.push(ended.map_err(|error| error.to_string())??);
        if let Some(next) = waiting.next() {
            running.spawn(next);
        }
    }
    Ok(answers)
}

/// Runs `work` on a thread of its own. It runs on if the future is dropped.
pub(crate) async fn on_thread<T, W>(work: W) -> Result<T, String>
where
    T: Send + 'static,
    W: FnOnce() -> Result<T, String> + Send + 'static,
{
    let (answer, answered) = oneshot::channel();
    thread::spawn(move || {
        // Nobody listens any more if the case has been given up.
        let _ = answer.send(work());
    });
    let panicked = |_| Err("a thread of this case panicked".to_owned());
    answered.await.unwrap_or_else(panicked)
}

/// Waits for `call` so long, or longer on a machine that stands still meanwhile: the time is counted in
/// naps, of which a late one counts no more than another.
pub(crate) async fn within<F: Future>(time: Duration, call: F) -> Option<F::Output> {
    let nap = Duration::from_millis(20);
    let naps = async {
        let mut left = time;
        while !left.is_zero() {
            sleep(nap).await;
            left = left.saturating_sub(nap);
        }
    };
    tokio::select! {
        biased;
        answer = call => Some(answer),
        () = naps => None,
    }
}

/// Polls `call` at most so often and drops it if it has no answer then.
pub(crate) async fn drop_after_polls<F: Future>(polls: usize, call: F) -> Option<F::Output> {
    let (mut call, mut left) = (pin!(call), polls);
    poll_fn(|cx| {
        if left > 0 {
            left -= 1;
            if let Poll::Ready(answer) = call.as_mut().poll(cx) {
                return Poll::Ready(Some(answer));
            }
        }
        match left {
            0 => Poll::Ready(None),
            _ => Poll::Pending,
        }
    })
    .await
}

/// Drops `call` if it has no answer within `time`, which may be much less than a timer's millisecond.
pub(crate) async fn drop_after<F: Future>(time: Duration, call: F) -> Option<F::Output> {
    let began = Instant::now();
    let passed = async {
        while began.elapsed() < time {
            yield_now().await;
        }
    };
    tokio::select! {
        answer = call => Some(answer),
        () = passed => None,
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test]
    async fn a_call_is_polled_just_so_often() {
        let twice = async {
            yield_now().await;
            7
        };
        assert_eq!(drop_after_polls(2, twice).await, Some(7));
        assert_eq!(drop_after_polls(1, async { yield_now().await }).await, None);
        assert_eq!(drop_after_polls(0, async {}).await, None);
    }

    #[tokio::test]
    async fn a_call_without_an_answer_is_dropped() {
        assert_eq!(drop_after(Duration::ZERO, pending::<()>()).await, None);
        let time = Duration::from_secs(600);
        assert_eq!(drop_after(time, async { 7 }).await, Some(7));
    }

    #[tokio::test]
    async fn patience_ends_and_not_before() {
        let (time, began) = (Duration::from_millis(50), Instant::now());
        assert_eq!(within(time, pending::<()>()).await, None);
        assert!(began.elapsed() >= time);
        assert_eq!(within(time, async { 7 }).await, Some(7));
    }

    #[tokio::test]
    async fn the_first_failure_is_the_answer() {
        let task = |n: u32| async move { if n < 4 { Ok(n) } else { Err(n.to_string()) } };
        assert_eq!(at_once((0..4).map(task).collect()).await.unwrap().len(), 4);
        let failed = at_once((0..5).map(task).collect()).await;
        assert_eq!(failed, Err("4".to_owned()));
    }

    #[tokio::test]
    async fn all_have_their_turn_and_never_more_at_a_time() {
        let running = Arc::new(AtomicUsize::new(0));
        let task = |n: u32| {
            let running = running.clone();
            async move {
                let others = running.fetch_add(1, Ordering::SeqCst);
                yield_now().await;
                running.fetch_sub(1, Ordering::SeqCst);
                Ok((n, others))
            }
        };
        let mut answers = by_turns(3, (0..10).map(task).collect()).await.unwrap();
        answers.sort_unstable();
        assert!(answers.iter().map(|(n, _)| *n).eq(0..10));
        assert!(answers.iter().all(|(_, others)| *others < 3));
    }
}
