//! What runs batches.

use std::sync::Arc;

use tokio::sync::oneshot;
use tokio::task::yield_now;
use tokio::time::{Instant, timeout_at};

use crate::batcher::{Item, Reply, Shared};
use crate::{Batch, Error, Failure};

/// Runs one batch after another until none is to run.
///
/// A task, or [carried](crate::carried::Carried) by a lone caller; either way no caller can break a batch
/// off. If it breaks off itself, by
/// a panic or with its runtime, whoever still queues gets the call back and starts a lane elsewhere.
pub(crate) struct Lane<B: Batch> {
    shared: Arc<Shared<B>>,
    id: u64,
}

impl<B: Batch> Lane<B> {
    /// The lane that the schedule calls `id`.
    pub(crate) fn new(shared: &Arc<Shared<B>>, id: u64) -> Self {
        let shared = Arc::clone(shared);
        Self { shared, id }
    }

    /// Starts it as a task, on the runtime of the caller.
    pub(crate) fn spawn(self) {
        tokio::spawn(self.run());
    }

    /// Runs batches until none is to run.
    pub(crate) async fn run(self) {
        let mut calls = Vec::new();
        let mut replies = Vec::new();
        while let Some(until) = self.take(&mut calls, &mut replies) {
            let mut replies = replies.drain(..);
            let answered = answer(&self.shared.batch, &calls, &mut replies);
            if timeout_at(until, answered).await.is_err() {
                for reply in replies {
                    send(reply, Err(Error::Timeout { sent: true }));
                }
            }
            calls.clear();
            if !self.shared.lock().finish(self.id) {
                break;
            }
            // Whom we have just answered may have more to ask: let them join the next batch.
            yield_now().await;
        }
    }

    /// Takes the next batch: until when it may run, or `None` if there is none.
    fn take(
        &self,
        calls: &mut Vec<B::Call>,
        replies: &mut Vec<oneshot::Sender<Reply<B>>>,
    ) -> Option<Instant> {
        let now = Instant::now();
        let until = now + self.shared.limits.timeout;
        let mut schedule = self.shared.lock();
        let taken = schedule.take(self.id, until, |Item { call, reply }| {
            calls.push(call);
            replies.push(reply);
        });
        let sibling = schedule.start(now);
        drop(schedule);
        if let Some(id) = sibling {
            Self::new(&self.shared, id).spawn();
        }
        let (calls, bytes) = taken?;
        self.shared.admission.release(calls, bytes);
        Some(until)
    }
}

impl<B: Batch> Drop for Lane<B> {
    fn drop(&mut self) {
        let unsent = self.shared.lock().lose(self.id);
        for call in unsent {
            self.shared.admission.release(1, call.weight);
            let Item { call, reply } = call.item;
            let _ = reply.send(Reply::Unsent(call));
        }
    }
}

/// Runs `calls` and answers them in order. What is left in `replies` was not answered.
async fn answer<B: Batch>(
    batch: &B,
    calls: &[B::Call],
    replies: &mut (impl Iterator<Item = oneshot::Sender<Reply<B>>> + Send),
) {
    let mut parts = vec![calls];
    while let Some(part) = parts.pop() {
        let error = match batch.run(part).await {
            Ok(answers) if answers.len() == part.len() => {
                // In this order: a zip that began with `replies` would lose one.
                for (answer, reply) in answers.into_iter().zip(&mut *replies) {
                    send(reply, Ok(answer));
                }
                continue;
            }
            Err(Failure::Split(_)) if part.len() > 1 => {
                let (first, second) = part.split_at(part.len() / 2);
                parts.extend([second, first]);
                continue;
            }
            Ok(answers) => Error::Miscount {
                calls: part.len(),
                answers: answers.len(),
            },
            Err(Failure::Whole(error) | Failure::Split(error)) => Error::Failed(error),
        };
        for reply in replies.take(part.len()) {
            send(reply, Err(error.clone()));
        }
    }
}

/// Answers a caller, if it is still there.
fn send<B: Batch>(reply: oneshot::Sender<Reply<B>>, answer: Result<B::Answer, Error<B::Error>>) {
    let _ = reply.send(Reply::Answer(answer));
}
