//! C03 and A08: long random sequences of calls, each answer compared with the model's.

use std::fmt;
use std::time::{Duration, Instant};

use futures_util::future::try_join_all;
use session_store_api::{Condition, MaxAge};

use crate::Model;
use crate::case::{Case, Finding, Needs};
use crate::context::Context;
use crate::life::{Life, until};
use crate::random::Random;
use crate::slot::{LASTING, Slot, shown};

pub(crate) const CASES: &[Case] = &[
    Case::new("c03_random_sequences", |cx| Box::pin(random_sequences(cx))),
    Case::new("a08_random_sequences", |cx| {
        Box::pin(random_atomic_sequences(cx))
    })
    .needs(&[Needs::Atomic]),
];

const SEQUENCES: usize = 24;
const STEPS: usize = 60;
const KEYS: usize = 3;
const VALUES: &[&[u8]] = &[b"", b"a", b"b", b"a longer value"];
const SHORT: Duration = Duration::from_millis(60);

async fn random_sequences(cx: &Context) -> Finding {
    run(cx, Step::PLAIN).await
}

async fn random_atomic_sequences(cx: &Context) -> Finding {
    run(cx, Step::ATOMIC).await
}

async fn run(cx: &Context, steps: &'static [Step]) -> Finding {
    let mut random = Random::new(cx.seed());
    let sequences = (0..SEQUENCES).map(|number| {
        let slots = (0..KEYS).map(|key| cx.slot(format_args!("{number}-{key}")));
        let (slots, mut random) = (slots.collect::<Vec<_>>(), random.fork());
        async move {
            let mut sequence = Sequence::new(slots);
            for _ in 0..STEPS {
                let step = random.pick(steps);
                let found = sequence.take(step, &mut random).await;
                found.map_err(|reason| {
                    let seed = cx.seed();
                    format!("{reason} (sequence {number} of seed {seed}):{sequence}")
                })?;
            }
            sequence.clear().await
        }
    });
    try_join_all(sequences).await?;
    Ok(())
}

/// What may come next.
#[derive(Clone, Copy, Debug)]
enum Step {
    Get,
    Set,
    Destroy,
    Absent,
    Present,
    Unchanged,
    Touch,
    /// Until every short life has ended.
    Wait,
}

impl Step {
    const PLAIN: &[Self] = &[
        Self::Get,
        Self::Get,
        Self::Get,
        Self::Get,
        Self::Set,
        Self::Set,
        Self::Set,
        Self::Set,
        Self::Destroy,
        Self::Destroy,
        Self::Wait,
    ];
    const ATOMIC: &[Self] = &[
        Self::Get,
        Self::Get,
        Self::Get,
        Self::Set,
        Self::Set,
        Self::Destroy,
        Self::Absent,
        Self::Absent,
        Self::Present,
        Self::Present,
        Self::Unchanged,
        Self::Unchanged,
        Self::Unchanged,
        Self::Touch,
        Self::Touch,
        Self::Wait,
    ];
}

/// The store, and two models of it: what is live in the one for sure, and what is at most in the other.
/// Where they differ, which is about the end of a life, nobody can tell, and the sequence begins anew.
struct Sequence {
    slots: Vec<Slot>,
    start: Instant,
    sure: Model,
    possible: Model,
    /// When the last of the short lives is over.
    over: Instant,
    story: Vec<String>,
}

impl Sequence {
    fn new(slots: Vec<Slot>) -> Self {
        let start = Instant::now();
        Self {
            slots,
            start,
            sure: Model::default(),
            possible: Model::default(),
            over: start,
            story: Vec::new(),
        }
    }

    async fn take(&mut self, step: Step, random: &mut Random) -> Finding {
        let place = random.below(self.slots.len());
        let slot = self.slots[place].clone();
        let value = random.pick(VALUES);
        let condition = match step {
            Step::Absent => Condition::Absent,
            Step::Present => Condition::Present,
            _ => Condition::Unchanged(random.pick(VALUES)),
        };
        let max_age = random.pick(&[
            MaxAge::Session,
            MaxAge::After(LASTING),
            MaxAge::After(SHORT),
            MaxAge::After(Duration::ZERO),
        ]);
        let began = Instant::now();
        match step {
            Step::Get => {
                let seen = slot.get().await?;
                self.tell(format_args!("get {place}"), text(seen.as_deref()));
                match self.live(&slot, began) {
                    Live::Known(live) => agree(live.as_deref(), seen.as_deref(), text),
                    Live::Unknown => self.clear().await,
                }
            }
            Step::Set => {
                slot.set(value, max_age).await?;
                let call = format!("set {place} to {} for {max_age:?}", shown(value));
                self.tell(call, "done");
                let (least, most) = self.lives(&slot, began, max_age);
                self.sure.set(self.at(began), slot.key(), value, least);
                self.possible.set(self.now(), slot.key(), value, most);
                Ok(())
            }
            Step::Destroy => {
                slot.destroy().await?;
                self.tell(format_args!("destroy {place}"), "done");
                self.sure.destroy(slot.key());
                self.possible.destroy(slot.key());
                Ok(())
            }
            Step::Absent | Step::Present | Step::Unchanged => {
                let wrote = slot.set_if(condition, value, max_age).await?;
                let expected = match condition {
                    Condition::Unchanged(expected) => shown(expected),
                    _ => String::new(),
                };
                let value_shown = shown(value);
                self.tell(
                    format_args!(
                        "set_if {condition:?} {expected} {place} to {value_shown} for {max_age:?}"
                    ),
                    wrote,
                );
                if self.live(&slot, began) == Live::Unknown {
                    return self.clear().await;
                }
                let (least, most) = self.lives(&slot, began, max_age);
                let (key, at, now) = (slot.key(), self.at(began), self.now());
                let expected = self.sure.set_if(at, key, condition, value, least);
                self.possible.set_if(now, key, condition, value, most);
                agree(expected, wrote, |answer| answer.to_string())
            }
            Step::Touch => {
                let touched = slot.touch(max_age).await?;
                self.tell(format_args!("touch {place} for {max_age:?}"), touched);
                if self.live(&slot, began) == Live::Unknown {
                    return self.clear().await;
                }
                let (least, most) = self.lives(&slot, began, max_age);
                let (key, at, now) = (slot.key(), self.at(began), self.now());
                let expected = self.sure.touch(at, key, least);
                self.possible.touch(now, key, most);
                agree(expected, touched, |answer| answer.to_string())
            }
            Step::Wait => {
                until(self.over).await;
                self.tell("wait", "done");
                Ok(())
            }
        }
    }

    /// What a call that began then, and has just returned, must have met under this key.
    fn live(&self, slot: &Slot, began: Instant) -> Live {
        let sure = self.sure.get(self.now(), slot.key());
        let possible = self.possible.get(self.at(began), slot.key());
        match sure == possible {
            true => Live::Known(sure.map(<[u8]>::to_vec)),
            false => Live::Unknown,
        }
    }

    /// How long a record lives at least, from when the call began, and at most, from now on.
    fn lives(&mut self, slot: &Slot, began: Instant, max_age: MaxAge) -> (MaxAge, MaxAge) {
        let now = Instant::now();
        let life = Life::new(began, now, max_age);
        let (sure, over) = (life.sure_until(), life.over_from(slot.resolution()));
        if max_age == MaxAge::After(SHORT) {
            self.over = self.over.max(over);
        }
        let most = match max_age {
            // A resolution is no excuse for a record that must not be there at all.
            MaxAge::After(Duration::ZERO) => Duration::ZERO,
            _ => over - now,
        };
        (MaxAge::After(sure - began), MaxAge::After(most))
    }

    /// Begins anew with no record.
    async fn clear(&mut self) -> Finding {
        for slot in &self.slots {
            slot.destroy().await?;
            slot.is_gone().await?;
            self.sure.destroy(slot.key());
            self.possible.destroy(slot.key());
        }
        self.story.clear();
        Ok(())
    }

    fn at(&self, moment: Instant) -> Duration {
        moment - self.start
    }

    fn now(&self) -> Duration {
        self.start.elapsed()
    }

    fn tell(&mut self, call: impl fmt::Display, answer: impl fmt::Display) {
        self.story.push(format!("{call} -> {answer}"));
    }
}

impl fmt::Display for Sequence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.story
            .iter()
            .try_for_each(|line| write!(f, "\n  {line}"))
    }
}

/// What a call met.
#[derive(PartialEq, Eq)]
enum Live {
    Known(Option<Vec<u8>>),
    /// A record that was about to end.
    Unknown,
}

fn text(value: Option<&[u8]>) -> String {
    value.map_or("None".to_owned(), shown)
}

/// Expects the model's answer.
fn agree<T: PartialEq + Copy>(expected: T, seen: T, text: impl Fn(T) -> String) -> Finding {
    if expected == seen {
        return Ok(());
    }
    Err(format!("expected {}, saw {}", text(expected), text(seen)))
}
