//! A batch that records what it is given, waits to be let through, and does what its calls say.

use std::future::{pending, poll_fn, ready};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;

use session_store_batch::{Batch, Batcher, Error, Failure, Limits, Sharing};
use tokio::sync::{Semaphore, watch};
use tokio::time::Instant;

/// A call, answered with its number.
#[derive(Clone, Copy)]
pub(crate) struct Call {
    number: u32,
    weight: usize,
    sharing: Sharing<'static>,
    effect: Effect,
}

/// What a call does to its batch.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Effect {
    None,
    /// Fails it with its number.
    Fail,
    /// Has it split, with its number.
    Spoil,
    Panic,
    Hang,
    /// Has it give one answer too few, or too many.
    Lose,
    Invent,
}

pub(crate) fn read(number: u32) -> Call {
    let sharing = Sharing::Free;
    Call {
        number,
        weight: 1,
        sharing,
        effect: Effect::None,
    }
}

/// A plain write to `key`.
pub(crate) fn write(number: u32, key: &'static str) -> Call {
    let sharing = Sharing::Key(key.as_bytes());
    Call {
        sharing,
        ..read(number)
    }
}

/// A conditional write to `key`.
pub(crate) fn write_if(number: u32, key: &'static str) -> Call {
    let sharing = Sharing::Alone(key.as_bytes());
    Call {
        sharing,
        ..read(number)
    }
}

impl Call {
    pub(crate) fn weighing(self, weight: usize) -> Self {
        Self { weight, ..self }
    }

    pub(crate) fn with(self, effect: Effect) -> Self {
        Self { effect, ..self }
    }
}

pub(crate) struct Recorder {
    batches: watch::Sender<Vec<Vec<u32>>>,
    gate: Semaphore,
    running: AtomicUsize,
    most_running: AtomicUsize,
}

impl Recorder {
    /// Lets every batch through.
    pub(crate) fn open(limits: Limits) -> Batcher<Self> {
        Self::new(Semaphore::MAX_PERMITS, limits)
    }

    /// Holds every batch until it is [let through](Self::let_through).
    pub(crate) fn gated(limits: Limits) -> Batcher<Self> {
        Self::new(0, limits)
    }

    fn new(open: usize, limits: Limits) -> Batcher<Self> {
        let recorder = Self {
            batches: watch::Sender::new(Vec::new()),
            gate: Semaphore::new(open),
            running: AtomicUsize::new(0),
            most_running: AtomicUsize::new(0),
        };
        Batcher::new(recorder, limits)
    }

    /// Lets as many `batches` end, those that run first.
    pub(crate) fn let_through(&self, batches: usize) {
        self.gate.add_permits(batches);
    }

    /// Holds every batch again.
    pub(crate) fn close(&self) {
        self.gate.forget_permits(Semaphore::MAX_PERMITS);
    }

    /// The numbers of the calls of each batch, in the order the batches began.
    pub(crate) fn batches(&self) -> Vec<Vec<u32>> {
        self.batches.borrow().clone()
    }

    /// Waits until this many batches have begun.
    pub(crate) async fn begun(&self, batches: usize) {
        let mut seen = self.batches.subscribe();
        seen.wait_for(|seen| seen.len() >= batches).await.unwrap();
    }

    /// The most batches that ever ran at once.
    pub(crate) fn most_running(&self) -> usize {
        self.most_running.load(Ordering::SeqCst)
    }
}

impl Batch for Recorder {
    type Call = Call;
    type Answer = u32;
    type Error = u32;

    fn weight(&self, call: &Call) -> usize {
        call.weight
    }

    fn sharing<'a>(&self, call: &'a Call) -> Sharing<'a> {
        call.sharing
    }

    async fn run(&self, calls: &[Call]) -> Result<Vec<u32>, Failure<u32>> {
        let running = Running::new(self);
        let mut answers: Vec<u32> = calls.iter().map(|call| call.number).collect();
        self.batches
            .send_modify(|batches| batches.push(answers.clone()));
        self.gate.acquire().await.unwrap().forget();
        for call in calls {
            match call.effect {
                Effect::None => {}
                Effect::Fail => return Err(Failure::Whole(call.number)),
                Effect::Spoil => return Err(Failure::Split(call.number)),
                Effect::Panic => panic!("as call {} says", call.number),
                Effect::Hang => pending().await,
                Effect::Lose => drop(answers.pop()),
                Effect::Invent => answers.push(0),
            }
        }
        drop(running);
        Ok(answers)
    }
}

/// Counts a batch for as long as it runs.
struct Running<'a>(&'a Recorder);

impl<'a> Running<'a> {
    fn new(recorder: &'a Recorder) -> Self {
        let now = recorder.running.fetch_add(1, Ordering::SeqCst) + 1;
        recorder.most_running.fetch_max(now, Ordering::SeqCst);
        Self(recorder)
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::SeqCst);
    }
}

/// A call under way. Dropping it cancels the call.
pub(crate) type Pending<'a> = Pin<Box<dyn Future<Output = Result<u32, Error<u32>>> + Send + 'a>>;

/// Makes a call and leaves it where it first waits; a lone call may be answered by then.
pub(crate) async fn begin(batcher: &Batcher<Recorder>, call: Call) -> Pending<'_> {
    let mut pending: Pending<'_> = Box::pin(batcher.call(call));
    let polled = poll_fn(|cx| Poll::Ready(pending.as_mut().poll(cx))).await;
    match polled {
        Poll::Pending => pending,
        Poll::Ready(answer) => Box::pin(ready(answer)),
    }
}

/// [`begin`]s several calls, in order.
pub(crate) async fn begin_all(
    batcher: &Batcher<Recorder>,
    calls: impl IntoIterator<Item = Call>,
) -> Vec<Pending<'_>> {
    let mut pending = Vec::new();
    for call in calls {
        pending.push(begin(batcher, call).await);
    }
    pending
}

/// The answers to calls under way.
pub(crate) async fn answers(
    pending: impl IntoIterator<Item = Pending<'_>>,
) -> Vec<Result<u32, Error<u32>>> {
    let mut answers = Vec::new();
    for call in pending {
        answers.push(call.await);
    }
    answers
}

/// On the paused clock, where nothing but timers takes time, and a timer is exact to the millisecond.
pub(crate) fn assert_took(start: Instant, time: Duration) {
    let took = start.elapsed();
    let grain = Duration::from_millis(2);
    assert!(
        took >= time && took <= time + grain,
        "took {took:?}, not {time:?}"
    );
}
