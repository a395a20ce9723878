//! Which node of a cluster a call goes to.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::{BoxFuture, FutureExt, Shared, select_ok};
use redis::{Cmd, ServerError, ServerErrorKind, Value};
use session_store_api::{Error, Result};
use tokio::time::{Instant, sleep_until, timeout_at};

use self::map::{Map, Node, Slots, owners};
use self::slot::slot;
use crate::address::Address;
use crate::backoff::{pause, random};
use crate::call::{Call, Patience, Trouble};
use crate::dial::Manner;
use crate::error::{no_cluster, no_connection_in_time, no_owner, refused};

mod map;
mod slot;

/// How many nodes are asked at once for the map. The first answer counts.
const ASKED: usize = 5;

/// No map is drawn anew sooner after the last.
const FRESH: Duration = Duration::from_millis(100);

/// How often a call is sent on at once; then with pauses.
const HOPS: u32 = 3;

/// A cluster: which node has which slot, and a link to each.
///
/// The driver's own client for clusters sends a write again whose answer was lost: then `Absent` is refused
/// because of what it wrote itself. Here a write is sent again only if it never was sent, or after an
/// answer which says that it was not carried out.
pub(crate) struct Cluster {
    manner: Manner,
    seeds: Vec<Address>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    map: Map,
    drawn: Option<Instant>,
    /// A slot is elsewhere, or its node is gone.
    is_wrong: bool,
    /// Nobody whom the map shows knows a better one.
    is_lost: bool,
    drawing: Option<Drawing>,
}

/// Asking for a map; all calls that need one wait for the same.
type Drawing = Shared<BoxFuture<'static, Result<Map>>>;

/// Where to send a call: the owner of its slot, or a node that an answer has named.
struct Target {
    node: Arc<Node>,
    asking: bool,
}

/// What to do after an answer, or after none.
enum Next {
    Return(Result<Value, Trouble>),
    To(Target),
    /// To whomever the map will show then.
    Again(Option<Error>),
}

impl Cluster {
    pub(crate) fn new(manner: Manner, seeds: Vec<Address>) -> Self {
        Self {
            manner,
            seeds,
            state: Mutex::default(),
        }
    }

    /// Draws the first map.
    pub(crate) async fn connect(&self, patience: Patience) -> Result<(), Trouble> {
        self.draw(patience).await.map_err(Trouble::NotSent)
    }

    /// Sends a command to the node that has its slot, wherever that has moved, and waits for the answer,
    /// which may be an error of the server.
    pub(crate) async fn call(&self, call: &Call<'_>) -> Result<Value, Trouble> {
        let (slot, patience) = (slot(call.name), call.patience);
        let (mut reason, mut hops, mut repeats) = (None, 0, u32::from(call.is_read));
        let mut target = None;
        loop {
            let found = match target.take() {
                Some(target) => Ok(target),
                None => self.owner(slot, patience).await,
            };
            let next = match found {
                Ok(target) => {
                    let link = &target.node.link;
                    let answer = link.call(call.command, target.asking, patience).await;
                    self.next(answer, &target, patience, &mut repeats)
                }
                Err(error) if error.kind().is_transient() => Next::Again(Some(error)),
                Err(error) => Next::Return(Err(Trouble::NotSent(error))),
            };
            match next {
                Next::Return(answer) => return answer,
                Next::To(other) => target = Some(other),
                Next::Again(error) => reason = error.or(reason),
            }
            if patience.is_over() {
                let error = reason.unwrap_or_else(no_connection_in_time);
                return Err(Trouble::NotSent(error));
            }
            hops += 1;
            if hops > HOPS {
                sleep_until(patience.ends().min(Instant::now() + pause(hops - HOPS))).await;
            }
        }
    }

    /// The node that has this slot, as far as is known.
    async fn owner(&self, slot: u16, patience: Patience) -> Result<Target> {
        let drawn = match self.known_owner(slot) {
            Some(node) => {
                return Ok(Target {
                    node,
                    asking: false,
                });
            }
            None => self.draw(patience).await,
        };
        // An old map is better than none.
        match (self.state().map.owner(slot), drawn) {
            (Some(node), _) => Ok(Target {
                node,
                asking: false,
            }),
            (None, Ok(())) => Err(no_owner()),
            (None, Err(error)) => Err(error),
        }
    }

    /// The same, unless the map is to be drawn anew.
    fn known_owner(&self, slot: u16) -> Option<Arc<Node>> {
        let state = self.state();
        let drawn = state.drawn?;
        if state.is_wrong && drawn.elapsed() >= FRESH {
            return None;
        }
        state.map.owner(slot)
    }

    fn next(
        &self,
        answer: Result<Value, Trouble>,
        target: &Target,
        patience: Patience,
        repeats: &mut u32,
    ) -> Next {
        match answer {
            Ok(Value::ServerError(error)) => self.next_after(error, target),
            Ok(answer) => Next::Return(Ok(answer)),
            Err(Trouble::NotSent(error)) => {
                self.state().is_wrong = true;
                // A short absence is a delay; in a long one nobody waits.
                let is_short = target.node.link.away_for() < patience.timeout;
                if error.kind().is_transient() && is_short {
                    Next::Again(Some(error))
                } else {
                    Next::Return(Err(Trouble::NotSent(error)))
                }
            }
            Err(Trouble::Unanswered(error)) => {
                self.state().is_wrong = true;
                if *repeats > 0 && !patience.is_over() {
                    *repeats -= 1;
                    Next::Again(Some(error))
                } else {
                    Next::Return(Err(Trouble::Unanswered(error)))
                }
            }
        }
    }

    /// What to do after an error of the server.
    fn next_after(&self, error: ServerError, target: &Target) -> Next {
        let asking = match error.kind() {
            Some(ServerErrorKind::Moved) => false,
            Some(ServerErrorKind::Ask) => true,
            // It was not carried out, and soon it may be.
            Some(
                ServerErrorKind::TryAgain
                | ServerErrorKind::ClusterDown
                | ServerErrorKind::MasterDown
                | ServerErrorKind::BusyLoading
                | ServerErrorKind::ReadOnly,
            ) => {
                self.state().is_wrong = true;
                return Next::Again(Some(refused(&error, "")));
            }
            _ => return Next::Return(Ok(Value::ServerError(error))),
        };
        let mut state = self.state();
        state.is_wrong |= !asking;
        let address = other_address(&error, &target.node.address);
        match address.map(|address| state.map.node(address, &self.manner)) {
            Some(Ok(node)) => Next::To(Target { node, asking }),
            Some(Err(error)) => Next::Return(Err(Trouble::NotSent(error))),
            None => Next::Return(Ok(Value::ServerError(error))),
        }
    }

    /// Draws the map anew, or waits for whoever is at it.
    async fn draw(&self, patience: Patience) -> Result<()> {
        let drawing = self.drawing()?;
        let Ok(map) = timeout_at(patience.ends(), drawing.clone()).await else {
            return Err(no_connection_in_time());
        };
        let mut state = self.state();
        if state
            .drawing
            .as_ref()
            .is_some_and(|current| current.ptr_eq(&drawing))
        {
            state.drawing = None;
            state.is_lost = map.is_err();
            if let Ok(map) = &map {
                state.map = map.clone();
                state.drawn = Some(Instant::now());
                state.is_wrong = false;
            }
        }
        map.map(drop)
    }

    fn drawing(&self) -> Result<Drawing> {
        let mut state = self.state();
        if let Some(drawing) = &state.drawing {
            return Ok(drawing.clone());
        }
        if state.drawn.is_none() || state.is_lost {
            for seed in &self.seeds {
                state.map.node(seed.clone(), &self.manner)?;
            }
        }
        let mut nodes: Vec<_> = state.map.nodes().cloned().collect();
        nodes.sort_by_cached_key(|_| random()); // not all processes ask the same, nor always
        nodes.truncate(ASKED);
        let (old, manner) = (state.map.clone(), self.manner.clone());
        let drawing = async move {
            let questions = nodes.iter().map(|node| ask(node, &manner).boxed());
            let (owners, _) = select_ok(questions).await?;
            old.redrawn(owners, &manner)
        };
        let drawing = drawing.boxed().shared();
        state.drawing = Some(drawing.clone());
        Ok(drawing)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Asks a node which of them has which slots.
async fn ask(node: &Node, manner: &Manner) -> Result<Vec<(Slots, Address)>> {
    let mut command = Cmd::new();
    command.arg("CLUSTER").arg("SLOTS");
    let patience = Patience::of(manner.connect_timeout);
    let answer = node.link.call(&command, false, patience).await;
    match answer.map_err(Trouble::into_error)? {
        Value::ServerError(error) => Err(refused(&error, "")),
        answer => owners(&answer, &node.address.host).ok_or_else(no_cluster),
    }
}

/// The address in `MOVED 3999 host:port`. Without a host it is the one that has answered.
fn other_address(error: &ServerError, answered: &Address) -> Option<Address> {
    let (host, port) = error.details()?.split(' ').nth(1)?.rsplit_once(':')?;
    let host = if host.is_empty() {
        &answered.host
    } else {
        host
    };
    Some(Address {
        host: host.to_owned(),
        port: port.parse().ok()?,
    })
}
