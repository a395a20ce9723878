//! A lane without a task of its own.

use std::future::{Future, poll_fn};
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use tokio::runtime::Handle;

/// A lane that is polled by the caller who started it, as long as nobody else depends on it.
///
/// Starting a task wakes another thread, which for a lone call to a fast backend costs as much as half the
/// call. So while calls come one by one, each caller carries the lane himself. It is set down, as a task
/// like any other lane, when he is answered or dropped, and as soon as a second call is made: one who is
/// neither polled nor dropped must keep nobody waiting but himself.
pub(crate) struct Carried(Mutex<Hands>);

/// Where the lane is.
enum Hands {
    /// With its caller, between two polls.
    Full(Load),
    /// Being polled by its caller.
    Busy { then: Then },
    /// Ended, or a task.
    Empty,
}

/// What becomes of the lane after this poll.
#[derive(Clone, Copy)]
enum Then {
    Carry,
    SetDown,
}

struct Load {
    lane: Pin<Box<dyn Future<Output = ()> + Send>>,
    runtime: Handle,
}

impl Carried {
    /// A lane to be carried by the caller, and to be set down on `runtime`.
    pub(crate) fn new(
        lane: impl Future<Output = ()> + Send + 'static,
        runtime: Handle,
    ) -> Arc<Self> {
        let lane = Box::pin(lane);
        Arc::new(Self(Mutex::new(Hands::Full(Load { lane, runtime }))))
    }

    /// Waits for `answer`, and polls the lane meanwhile.
    pub(crate) async fn carry<T>(self: Arc<Self>, answer: impl Future<Output = T>) -> T {
        let carrier = Carrier(self);
        let mut answer = pin!(answer);
        poll_fn(|context| {
            carrier.0.poll(context);
            answer.as_mut().poll(context)
        })
        .await
    }

    /// Makes the lane a task, unless it has ended or is one. Never waits: a lane that is being polled is
    /// set down by whoever polls it.
    pub(crate) fn set_down(&self) {
        let mut hands = self.hands();
        if let Hands::Busy { then } = &mut *hands {
            *then = Then::SetDown;
            return;
        }
        let load = mem::replace(&mut *hands, Hands::Empty);
        drop(hands);
        load.set_down();
    }

    fn poll(&self, context: &mut Context<'_>) {
        // The lock is not held meanwhile: the batch may make calls of its own.
        let mut hands = self.hands();
        let Hands::Full(mut load) = mem::replace(&mut *hands, Hands::Empty) else {
            return;
        };
        *hands = Hands::Busy { then: Then::Carry };
        drop(hands);
        // The panic of a batch is no more the caller's than it would be in a task.
        let polled = catch_unwind(AssertUnwindSafe(|| load.lane.as_mut().poll(context)));
        let pending = matches!(polled, Ok(Poll::Pending));

        let mut hands = self.hands();
        match mem::replace(&mut *hands, Hands::Empty) {
            Hands::Busy { then: Then::Carry } if pending => *hands = Hands::Full(load),
            Hands::Busy {
                then: Then::SetDown,
            } if pending => {
                drop(hands);
                Hands::Full(load).set_down();
            }
            _ => {}
        }
    }

    fn hands(&self) -> MutexGuard<'_, Hands> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Hands {
    fn set_down(self) {
        if let Self::Full(Load { lane, runtime }) = self {
            runtime.spawn(lane);
        }
    }
}

/// Sets the lane down when its caller is answered or dropped.
struct Carrier(Arc<Carried>);

impl Drop for Carrier {
    fn drop(&mut self) {
        self.0.set_down();
    }
}
