//! A map of registers, read, written and swapped in batches.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use session_store_batch::{Batch, Batcher, Failure, Limits, Sharing};
use tokio::task::yield_now;

use crate::random::Random;

/// Registers, zero unless written, that take their time.
pub(crate) struct Registers {
    values: Mutex<HashMap<usize, u64>>,
    /// Plain writes in the order they were applied.
    pub(crate) puts: Mutex<Vec<(usize, u64)>>,
    random: Mutex<Random>,
}

#[derive(Clone, Copy)]
pub(crate) enum Op {
    Get,
    Put(u64),
    Swap { old: u64, new: u64 },
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Answer {
    Value(u64),
    Done,
    Swapped(bool),
}

/// A register, its number as the bytes of a key, and what to do with it.
pub(crate) struct Call {
    register: usize,
    key: [u8; 1],
    op: Op,
}

impl Call {
    pub(crate) fn new(register: usize, op: Op) -> Self {
        let key = [u8::try_from(register).unwrap()];
        Self { register, key, op }
    }
}

impl Op {
    /// What the operation answers, and what it leaves.
    pub(crate) fn apply(self, value: u64) -> (Answer, u64) {
        match self {
            Self::Get => (Answer::Value(value), value),
            Self::Put(new) => (Answer::Done, new),
            Self::Swap { old, new } if old == value => (Answer::Swapped(true), new),
            Self::Swap { .. } => (Answer::Swapped(false), value),
        }
    }
}

impl Registers {
    /// With random limits, but for `queue_calls`.
    pub(crate) fn batcher(random: &mut Random, queue_calls: usize) -> Batcher<Self> {
        let limits = Limits::default()
            .with_in_flight(1 + random.below(4))
            .with_batch_calls(1 + random.below(8))
            .with_queue_calls(queue_calls)
            .with_queue_wait(Duration::from_secs(60))
            .with_timeout(Duration::from_secs(60));
        let registers = Self {
            values: Mutex::default(),
            puts: Mutex::default(),
            random: Mutex::new(random.fork()),
        };
        Batcher::new(registers, limits)
    }

    fn apply(&self, call: &Call) -> Answer {
        let mut values = self.values.lock().unwrap();
        let value = values.entry(call.register).or_default();
        let (answer, new) = call.op.apply(*value);
        *value = new;
        if let Op::Put(new) = call.op {
            self.puts.lock().unwrap().push((call.register, new));
        }
        answer
    }

    async fn dawdle(&self) {
        let some = self.random.lock().unwrap().below(64);
        match some {
            0 => tokio::time::sleep(Duration::from_millis(1)).await,
            1..40 => {}
            _ => yield_times(some - 40).await,
        }
    }
}

impl Batch for Registers {
    type Call = Call;
    type Answer = Answer;
    type Error = ();

    fn weight(&self, _: &Call) -> usize {
        1
    }

    fn sharing<'a>(&self, call: &'a Call) -> Sharing<'a> {
        match call.op {
            Op::Get => Sharing::Free,
            Op::Put(_) => Sharing::Key(&call.key),
            Op::Swap { .. } => Sharing::Alone(&call.key),
        }
    }

    async fn run(&self, calls: &[Call]) -> Result<Vec<Answer>, Failure<()>> {
        let mut answers = Vec::new();
        for call in calls {
            self.dawdle().await;
            answers.push(self.apply(call));
        }
        self.dawdle().await;
        Ok(answers)
    }
}

/// Waits a little, in turns of the scheduler.
pub(crate) async fn yield_times(times: usize) {
    for _ in 0..times {
        yield_now().await;
    }
}
