//! A lane without a task of its own.

use std::future::{Future, poll_fn};
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

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
    /// Who is to look for his answer himself once the lane is set down.
    caller: Option<Waker>,
}

impl Carried {
    /// A lane to be carried by the caller, and to be set down on `runtime`.
    pub(crate) fn new(
        lane: impl Future<Output = ()> + Send + 'static,
        runtime: Handle,
    ) -> Arc<Self> {
        Arc::new(Self(Mutex::new(Hands::Full(Load {
            lane: Box::pin(lane),
            runtime,
            caller: None,
        }))))
    }

    /// Polls the lane, and waits for `answer` once it is in no one's hands any more.
    ///
    /// No sooner: the lane would wake its own caller when it answers him, and the runtime, which knows no
    /// better, would wake another thread to poll him once more.
    pub(crate) async fn carry<T>(self: Arc<Self>, answer: impl Future<Output = T>) -> T {
        let carrier = Carrier(self);
        let mut answer = pin!(answer);
        poll_fn(|context| {
            if carrier.0.is_carried(context) {
                return Poll::Pending;
            }
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

    /// Polls the lane if it is here; whether it still is afterwards.
    fn is_carried(&self, context: &mut Context<'_>) -> bool {
        // The lock is not held meanwhile: the batch may make calls of its own.
        let mut hands = self.hands();
        let Hands::Full(mut load) = mem::replace(&mut *hands, Hands::Empty) else {
            return false;
        };
        *hands = Hands::Busy { then: Then::Carry };
        drop(hands);
        // The panic of a batch is no more the caller's than it would be in a task.
        let polled = catch_unwind(AssertUnwindSafe(|| load.lane.as_mut().poll(context)));
        let pending = matches!(polled, Ok(Poll::Pending));

        let mut hands = self.hands();
        match mem::replace(&mut *hands, Hands::Empty) {
            Hands::Busy { then: Then::Carry } if pending => {
                load.caller = Some(context.waker().clone());
                *hands = Hands::Full(load);
                true
            }
            Hands::Busy {
                then: Then::SetDown,
            } if pending => {
                drop(hands);
                load.caller = None;
                Hands::Full(load).set_down();
                false
            }
            _ => false,
        }
    }

    fn hands(&self) -> MutexGuard<'_, Hands> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Hands {
    fn set_down(self) {
        if let Self::Full(load) = self {
            load.runtime.spawn(load.lane);
            if let Some(caller) = load.caller {
                caller.wake();
            }
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
