//! Our search agrees with the tester of `stateright`, which every author of a store would otherwise have
//! to compile with some fifty crates.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use session_store_api::{AtomicSessionStore, Condition, MaxAge, Result, SessionKey, SessionStore};
use stateright::semantics::{ConsistencyTester, LinearizabilityTester, SequentialSpec};
use tokio::task::yield_now;

use super::{Answer, Call, Event, History};
use crate::Model;
use crate::cases::histories::record;
use crate::random::Random;
use crate::seed;
use crate::slot::Slot;
use crate::suite::Handle;

/// Made up: right ones, and such in which an answer was changed.
#[test]
fn on_a_hundred_thousand_random_histories() {
    let seed = seed::choose();
    let mut random = Random::new(seed);
    let mut found = [0, 0];
    for number in 0..100_000 {
        let history = random_history(&mut random);
        let ours = agreed(&history, &format!("history {number} of seed {seed}"));
        found[usize::from(ours)] += 1;
    }
    let [wrong, right] = found;
    assert!(
        wrong > 20_000 && right > 20_000,
        "{wrong} wrong, {right} right, seed {seed}"
    );
}

/// Recorded, as the cases do it, from a store that is right.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_histories_of_a_store() {
    let wrong = wrong_histories(Steps::One).await;
    assert_eq!(wrong, 0);
}

/// And from one that is not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_histories_of_a_broken_store() {
    let wrong = wrong_histories(Steps::Two).await;
    assert!(wrong > 10, "{wrong} of 1000");
}

/// One call after the other is the model's affair.
#[test]
fn on_what_a_call_does() {
    for state in [None, Some(1), Some(2)] {
        for call in ALL_CALLS {
            let (mut model, life) = (Model::default(), MaxAge::Session);
            if let Some(value) = state {
                model.set(Duration::ZERO, &key(), &[value], life);
            }
            let answer = on_model(&mut model, call);
            let next = model.get(Duration::ZERO, &key()).map(|value| value[0]);
            assert_eq!(call.on(state), (answer, next), "{call:?} on {state:?}");
        }
    }
}

fn on_model(model: &mut Model, call: Call) -> Answer {
    let (now, key, life) = (Duration::ZERO, key(), MaxAge::Session);
    let mut set_if = |condition, new: u8| model.set_if(now, &key, condition, &[new], life);
    match call {
        Call::Absent(new) => Answer::Wrote(set_if(Condition::Absent, new)),
        Call::Present(new) => Answer::Wrote(set_if(Condition::Present, new)),
        Call::Unchanged { expected, new } => {
            Answer::Wrote(set_if(Condition::Unchanged(&[expected]), new))
        }
        Call::Touch => Answer::Wrote(model.touch(now, &key, life)),
        Call::Get => Answer::Value(model.get(now, &key).map(|value| value[0])),
        Call::Set(new) => {
            model.set(now, &key, &[new], life);
            Answer::Done
        }
        Call::Destroy => {
            model.destroy(&key);
            Answer::Done
        }
    }
}

/// What both say.
fn agreed(history: &History, which: &str) -> bool {
    let (ours, theirs) = (history.is_linearizable(), theirs(history));
    assert_eq!(ours, theirs, "ours and theirs of {which}:{history}");
    ours
}

/// What the tester of `stateright` says.
fn theirs(history: &History) -> bool {
    let mut tester = LinearizabilityTester::new(Record(None));
    let mut ticks = Vec::new();
    let mut busy_until: Vec<Option<u64>> = Vec::new();
    for event in &history.0 {
        // A thread calls again when it has its answer; one that has none calls no more.
        let free = |until: &Option<u64>| until.is_some_and(|until| until < event.began);
        let thread = busy_until.iter().position(free).unwrap_or_else(|| {
            busy_until.push(None);
            busy_until.len() - 1
        });
        busy_until[thread] = event.answer.map(|_| event.ended);
        ticks.push((event.began, thread, Tick::Call(event.call)));
        if let Some(answer) = event.answer {
            ticks.push((event.ended, thread, Tick::Answer(answer)));
        }
    }
    ticks.sort_by_key(|(time, ..)| *time);
    for (_, thread, tick) in ticks {
        let taken = match tick {
            Tick::Call(call) => tester.on_invoke(thread, call).map(drop),
            Tick::Answer(answer) => tester.on_return(thread, answer).map(drop),
        };
        taken.unwrap();
    }
    tester.is_consistent()
}

#[derive(Clone, Copy)]
enum Tick {
    Call(Call),
    Answer(Answer),
}

/// One record, or none.
#[derive(Clone)]
struct Record(Option<u8>);

impl SequentialSpec for Record {
    type Op = Call;
    type Ret = Answer;

    fn invoke(&mut self, call: &Call) -> Answer {
        let (answer, next) = call.on(self.0);
        self.0 = next;
        answer
    }
}

fn key() -> SessionKey {
    SessionKey::new("k").unwrap()
}

/// A few clients, whose calls are carried out at random moments between their beginning and their end;
/// then, often, one answer is another.
fn random_history(random: &mut Random) -> History {
    let (mut state, mut clock, mut events) = (None, 0, Vec::new());
    let mut calls = 2 + random.below(6);
    let mut under_way: [Option<Event>; 4] = [None; 4];
    while calls > 0 || under_way.iter().any(Option::is_some) {
        let client = &mut under_way[random.below(4)];
        match client {
            None if calls > 0 => {
                calls -= 1;
                *client = Some(begun(random.pick(&ALL_CALLS), clock));
            }
            None => continue,
            Some(event) if event.answer.is_none() => {
                let fails = random.below(10) == 0;
                if !(fails && random.below(2) == 0) {
                    let (answer, next) = event.call.on(state);
                    (event.answer, state) = (Some(answer), next);
                }
                if fails {
                    event.answer = None;
                    events.extend(client.take());
                }
            }
            Some(event) => {
                event.ended = clock;
                events.extend(client.take());
            }
        }
        clock += 1;
    }
    if random.below(3) > 0 {
        let place = random.below(events.len());
        let other = match random.below(3) {
            0 => events[random.below(events.len())].call,
            _ => random.pick(&ALL_CALLS),
        };
        let answer = other.on(random.pick(&[None, Some(1), Some(2)])).0;
        if let Some(old) = &mut events[place].answer {
            *old = answer;
        }
    }
    History::new(events)
}

fn begun(call: Call, began: u64) -> Event {
    Event {
        began,
        ended: began,
        call,
        answer: None,
    }
}

/// Of values so few that a wrong answer is often right elsewhere.
const ALL_CALLS: [Call; 12] = [
    Call::Get,
    Call::Get,
    Call::Set(1),
    Call::Set(2),
    Call::Destroy,
    Call::Absent(1),
    Call::Absent(2),
    Call::Present(1),
    Call::Present(2),
    Call::Unchanged {
        expected: 1,
        new: 2,
    },
    Call::Unchanged {
        expected: 2,
        new: 1,
    },
    Call::Touch,
];

/// How many of a thousand recorded histories are not linearizable, as both say.
async fn wrong_histories(steps: Steps) -> usize {
    let seed = seed::choose();
    let mut random = Random::new(seed);
    let mut wrong = 0;
    for number in 0..1_000 {
        let store: Arc<dyn AtomicSessionStore> = Arc::new(ModelStore::new(steps));
        let handle = Handle {
            plain: store.clone(),
            atomic: Some(store),
        };
        let slot = Slot::new(handle, key(), Duration::ZERO);
        let history = record(&[slot.clone(), slot], random.fork()).await.unwrap();
        let right = agreed(&history, &format!("history {number} of seed {seed}"));
        wrong += usize::from(!right);
    }
    wrong
}

/// How a store carries out what depends on what is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Steps {
    /// At once.
    One,
    /// It looks, and writes later.
    Two,
}

/// The model as a store. Others overtake on the way to it and back.
#[derive(Debug)]
struct ModelStore {
    model: Mutex<Model>,
    steps: Steps,
}

impl ModelStore {
    fn new(steps: Steps) -> Self {
        let model = Mutex::default();
        Self { model, steps }
    }

    async fn ask<T>(&self, step: impl FnOnce(&mut Model) -> T + Send) -> T {
        yield_now().await;
        let answer = step(&mut self.model.lock().unwrap());
        yield_now().await;
        answer
    }
}

#[async_trait]
impl SessionStore for ModelStore {
    async fn get(&self, key: &SessionKey) -> Result<Option<Vec<u8>>> {
        let get = |model: &mut Model| model.get(Duration::ZERO, key).map(<[u8]>::to_vec);
        Ok(self.ask(get).await)
    }

    async fn set(&self, key: &SessionKey, value: &[u8], max_age: MaxAge) -> Result<()> {
        let set = |model: &mut Model| model.set(Duration::ZERO, key, value, max_age);
        self.ask(set).await;
        Ok(())
    }

    async fn destroy(&self, key: &SessionKey) -> Result<()> {
        self.ask(|model| model.destroy(key)).await;
        Ok(())
    }
}

#[async_trait]
impl AtomicSessionStore for ModelStore {
    async fn set_if(
        &self,
        key: &SessionKey,
        condition: Condition<'_>,
        value: &[u8],
        max_age: MaxAge,
    ) -> Result<bool> {
        let now = Duration::ZERO;
        if self.steps == Steps::One {
            let set_if = |model: &mut Model| model.set_if(now, key, condition, value, max_age);
            return Ok(self.ask(set_if).await);
        }
        let holds = |model: &mut Model| model.clone().set_if(now, key, condition, value, max_age);
        let holds = self.ask(holds).await;
        if holds {
            self.set(key, value, max_age).await?;
        }
        Ok(holds)
    }

    async fn touch(&self, key: &SessionKey, max_age: MaxAge) -> Result<bool> {
        let touch = |model: &mut Model| model.touch(Duration::ZERO, key, max_age);
        Ok(self.ask(touch).await)
    }
}
