//! A network that can be broken on purpose.

use std::io;
use std::net::{Ipv4Addr, Shutdown, SocketAddr};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::runtime;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::port;
use crate::proxy::connection::Connection;

mod connection;

/// A TCP proxy between a store and its server, which carries everything until it is told otherwise.
///
/// It runs on a thread of its own, so that no runtime of a test can hold it up, nor its paused clock.
/// Dropping it closes its port and all connections.
#[derive(Debug)]
pub struct FaultProxy {
    address: String,
    counters: Arc<Counters>,
    /// Dropped, it ends the thread.
    switch: Option<mpsc::UnboundedSender<Switch>>,
    thread: Option<JoinHandle<()>>,
}

/// What a [`FaultProxy`] does to all its connections, open ones and new ones, until it is set to
/// something else.
///
/// A connection on which bytes were lost or changed is reset when the fault ends: no network brings a
/// stream of which a part is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProxyFault {
    /// Nothing: all is carried.
    None,
    /// Each reply comes this much later.
    Delay(Duration),
    /// Nothing is carried, in either direction, but all of it when the fault ends: a network that was
    /// away for a while.
    Hold,
    /// Everything is taken, and nothing carried.
    BlackHole,
    /// Requests are carried, replies are lost: what was asked is done, and nobody hears of it.
    DropReplies,
    /// Requests are carried, replies come with their bits turned over.
    GarbleReplies,
    /// Closes a connection after it has carried so many more bytes of requests.
    CutRequests(u64),
    /// Closes a connection after it has carried so many more bytes of replies; with 0, when the first
    /// reply comes.
    CutReplies(u64),
    /// Connections are taken and reset (`RST`).
    Reset,
    /// Connections are closed, and refused as by a host where nobody listens.
    Refuse,
}

/// What a [`FaultProxy`] has carried so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Connections taken.
    pub connections: u64,
    /// Bytes from clients to the server.
    pub request_bytes: u64,
    /// Bytes from the server to clients.
    pub reply_bytes: u64,
    /// How often bytes of the server followed bytes of the client, over all connections. A pipeline is
    /// one round trip, if its replies come in one piece.
    pub round_trips: u64,
}

#[derive(Debug, Default)]
struct Counters {
    connections: AtomicU64,
    request_bytes: AtomicU64,
    reply_bytes: AtomicU64,
    round_trips: AtomicU64,
}

/// From now on this fault; tell when it is so.
#[derive(Debug)]
struct Switch(ProxyFault, oneshot::Sender<io::Result<()>>);

impl FaultProxy {
    /// Opens a proxy to a server at `host:port`, on a free loopback port.
    ///
    /// # Errors
    ///
    /// If no port can be opened.
    pub fn start(upstream: impl Into<String>) -> io::Result<Self> {
        let runtime = runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let listener = {
            let _runtime = runtime.enter();
            listen()?
        };
        let address = listener.local_addr()?;
        let counters = Arc::new(Counters::default());
        let proxy = Proxy {
            upstream: upstream.into(),
            address,
            counters: counters.clone(),
            fault: watch::Sender::new(ProxyFault::None),
            listener: Some(listener),
        };
        let (switch, switches) = mpsc::unbounded_channel();
        let thread = thread::Builder::new()
            .name("fault proxy".to_owned())
            .spawn(move || runtime.block_on(proxy.run(switches)))?;
        Ok(Self {
            address: address.to_string(),
            counters,
            switch: Some(switch),
            thread: Some(thread),
        })
    }

    /// Where it listens, as `host:port`.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Switches to a fault, which lasts until the next call. On return new connections meet it, and
    /// open ones with their next byte at the latest.
    ///
    /// # Errors
    ///
    /// If the port is to be opened again, after [`ProxyFault::Refuse`], and somebody else took it.
    pub async fn set(&self, fault: ProxyFault) -> io::Result<()> {
        let (done, is_done) = oneshot::channel();
        let sent = self.switch.as_ref().map(|to| to.send(Switch(fault, done)));
        match (sent, is_done.await) {
            (Some(Ok(())), Ok(done)) => done,
            _ => Err(io::Error::other("the thread of the proxy died")),
        }
    }

    /// What it has carried so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Counts {
            connections: read(&self.counters.connections),
            request_bytes: read(&self.counters.request_bytes),
            reply_bytes: read(&self.counters.reply_bytes),
            round_trips: read(&self.counters.round_trips),
        }
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        drop(self.switch.take());
        if let Some(thread) = self.thread.take() {
            // If it panicked, its message has been printed.
            let _ = thread.join();
        }
    }
}

/// What runs on the thread.
struct Proxy {
    upstream: String,
    address: SocketAddr,
    counters: Arc<Counters>,
    fault: watch::Sender<ProxyFault>,
    /// Closed while connections are refused.
    listener: Option<TcpListener>,
}

impl Proxy {
    /// Ends with the handle; the connections end with this future.
    async fn run(mut self, mut switches: mpsc::UnboundedReceiver<Switch>) {
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                biased;
                switch = switches.recv() => {
                    let Some(Switch(fault, done)) = switch else { break };
                    // A caller that was dropped does not wait for the answer.
                    let _ = done.send(self.switch(fault).await);
                }
                client = accept(self.listener.as_ref()) => {
                    self.counters.connections.fetch_add(1, Ordering::Relaxed);
                    let connection = Connection {
                        upstream: self.upstream.clone(),
                        counters: self.counters.clone(),
                        fault: self.fault.subscribe(),
                    };
                    connections.spawn(connection.carry(client));
                }
                Some(_) = connections.join_next() => {}
            }
        }
    }

    async fn switch(&mut self, fault: ProxyFault) -> io::Result<()> {
        if fault == ProxyFault::Refuse {
            self.listener.take().map_or(Ok(()), refuse)?;
        } else if self.listener.is_none() {
            self.listener = Some(TcpListener::bind(self.address).await?);
        }
        self.fault.send_replace(fault);
        Ok(())
    }
}

/// A listener on a port that stays ours while it is closed; see [`port`].
fn listen() -> io::Result<TcpListener> {
    let mut attempts = 1..=10;
    loop {
        match std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port::free()?)) {
            Ok(listener) => {
                listener.set_nonblocking(true)?;
                return TcpListener::from_std(listener);
            }
            Err(error) if attempts.next().is_none() => return Err(error),
            Err(_) => {}
        }
    }
}

/// Closes a port at once. A program that another thread starts just now holds a copy of the listener
/// until it runs, and that would go on listening.
fn refuse(listener: TcpListener) -> io::Result<()> {
    let listener = std::net::TcpStream::from(OwnedFd::from(listener.into_std()?));
    listener.shutdown(Shutdown::Both)
}

/// The next client; none while nobody listens.
async fn accept(listener: Option<&TcpListener>) -> TcpStream {
    let Some(listener) = listener else {
        return std::future::pending().await;
    };
    loop {
        match listener.accept().await {
            Ok((client, _)) => return client,
            // A client that has gone already, or no file descriptor is free: go on when there is.
            Err(_) => sleep(Duration::from_millis(10)).await,
        }
    }
}
