//! One connection through the proxy.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::sync::watch;
use tokio::time::sleep;

use super::{Counters, ProxyFault};

/// How much is carried at once.
const CHUNK: usize = 64 * 1024;

pub(super) struct Connection {
    pub(super) upstream: String,
    pub(super) counters: Arc<Counters>,
    pub(super) fault: watch::Receiver<ProxyFault>,
}

/// How a connection ends.
enum End {
    /// In order (`FIN`).
    Close,
    /// Rudely (`RST`).
    Reset,
}

impl Connection {
    /// Carries bytes both ways until one side ends, or the fault says so.
    pub(super) async fn carry(self, mut client: TcpStream) {
        if let End::Reset = self.run(&mut client).await {
            // If it fails, the client has reset it first.
            let _ = client.set_zero_linger();
        }
    }

    async fn run(self, client: &mut TcpStream) -> End {
        let asked = AtomicBool::new(false);
        let mut requests = self.pump(Direction::Requests, &asked);
        let mut replies = self.pump(Direction::Replies, &asked);
        if let Some(end) = requests.apply().or_else(|| replies.apply()) {
            return end;
        }
        let (mut from_client, mut to_client) = client.split();
        if requests.fault == ProxyFault::BlackHole {
            return requests.swallow(&mut from_client).await;
        }
        let Ok(mut server) = TcpStream::connect(&self.upstream).await else {
            return End::Close;
        };
        let (mut from_server, mut to_server) = server.split();
        for socket in [to_client.as_ref(), to_server.as_ref()] {
            // A socket that refuses is slower, or gone, which is seen soon.
            let _ = socket.set_nodelay(true);
        }
        tokio::select! {
            end = requests.run(&mut from_client, &mut to_server) => end,
            end = replies.run(&mut from_server, &mut to_client) => end,
        }
    }

    fn pump<'a>(&'a self, direction: Direction, asked: &'a AtomicBool) -> Pump<'a> {
        let mut switch = self.fault.clone();
        switch.mark_changed();
        Pump {
            direction,
            counters: &self.counters,
            asked,
            switch,
            fault: ProxyFault::None,
            left: 0,
            spoiled: false,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    Requests,
    Replies,
}

/// One direction of a connection.
struct Pump<'a> {
    direction: Direction,
    counters: &'a Counters,
    /// Whether a request was carried that no reply has followed; for both directions.
    asked: &'a AtomicBool,
    switch: watch::Receiver<ProxyFault>,
    fault: ProxyFault,
    /// How many bytes it may carry before it is cut.
    left: u64,
    /// Bytes were lost or changed.
    spoiled: bool,
}

impl Pump<'_> {
    async fn run(&mut self, from: &mut ReadHalf<'_>, to: &mut WriteHalf<'_>) -> End {
        let mut buffer = vec![0; CHUNK];
        loop {
            let passed = match self.read(from, &mut buffer).await {
                Ok(chunk) => self.pass(chunk, to).await,
                Err(end) => Err(end),
            };
            if let Err(end) = passed {
                return end;
            }
        }
    }

    /// Takes everything until the fault ends.
    async fn swallow(&mut self, from: &mut ReadHalf<'_>) -> End {
        let mut buffer = vec![0; CHUNK];
        self.spoiled = true;
        loop {
            if let Err(end) = self.read(from, &mut buffer).await {
                return end;
            }
        }
    }

    async fn read<'b>(
        &mut self,
        from: &mut ReadHalf<'_>,
        buffer: &'b mut [u8],
    ) -> Result<&'b mut [u8], End> {
        loop {
            tokio::select! {
                // What comes after the switch meets the new fault.
                biased;
                switched = self.switched() => switched?,
                read = from.read(buffer) => return match read {
                    Ok(0) => Err(End::Close),
                    Ok(count) => Ok(&mut buffer[..count]),
                    Err(_) => Err(End::Reset),
                },
            }
        }
    }

    /// Does to a chunk what the fault says.
    async fn pass(&mut self, chunk: &mut [u8], to: &mut WriteHalf<'_>) -> Result<(), End> {
        let requests = self.direction == Direction::Requests;
        while self.fault == ProxyFault::Hold {
            self.switched().await?;
        }
        match self.fault {
            ProxyFault::BlackHole => {
                self.spoiled = true;
                Ok(())
            }
            ProxyFault::DropReplies if !requests => {
                self.spoiled = true;
                Ok(())
            }
            ProxyFault::GarbleReplies if !requests => {
                self.spoiled = true;
                chunk.iter_mut().for_each(|byte| *byte = !*byte);
                self.write(chunk, to).await
            }
            ProxyFault::Delay(delay) if !requests => {
                tokio::select! {
                    () = sleep(delay) => {}
                    switched = self.switched() => switched?,
                }
                self.write(chunk, to).await
            }
            ProxyFault::CutRequests(_) if requests => self.cut(chunk, to).await,
            ProxyFault::CutReplies(_) if !requests => self.cut(chunk, to).await,
            _ => self.write(chunk, to).await,
        }
    }

    async fn cut(&mut self, chunk: &[u8], to: &mut WriteHalf<'_>) -> Result<(), End> {
        let left = usize::try_from(self.left).unwrap_or(usize::MAX);
        let carried = chunk.len().min(left);
        self.write(&chunk[..carried], to).await?;
        self.left = u64::try_from(left - carried).unwrap_or(u64::MAX);
        if self.left == 0 {
            return Err(End::Close);
        }
        Ok(())
    }

    async fn write(&mut self, mut chunk: &[u8], to: &mut WriteHalf<'_>) -> Result<(), End> {
        // Before it is written: who has the reply can count on the count.
        self.count(chunk.len());
        while !chunk.is_empty() {
            tokio::select! {
                biased;
                switched = self.switched() => switched?,
                written = to.write(chunk) => match written {
                    Ok(count) => chunk = &chunk[count..],
                    Err(_) => return Err(End::Reset),
                },
            }
        }
        Ok(())
    }

    fn count(&self, bytes: usize) {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        match self.direction {
            Direction::Requests => {
                self.asked.store(true, Ordering::Relaxed);
                self.counters
                    .request_bytes
                    .fetch_add(bytes, Ordering::Relaxed);
            }
            Direction::Replies => {
                if self.asked.swap(false, Ordering::Relaxed) {
                    self.counters.round_trips.fetch_add(1, Ordering::Relaxed);
                }
                self.counters
                    .reply_bytes
                    .fetch_add(bytes, Ordering::Relaxed);
            }
        }
    }

    /// Waits for the next switch, and says if the connection ends with it.
    async fn switched(&mut self) -> Result<(), End> {
        // The proxy itself is gone if this fails.
        self.switch.changed().await.map_err(|_| End::Close)?;
        self.apply().map_or(Ok(()), Err)
    }

    fn apply(&mut self) -> Option<End> {
        self.fault = *self.switch.borrow_and_update();
        match self.fault {
            _ if self.spoiled => Some(End::Reset),
            ProxyFault::Reset => Some(End::Reset),
            ProxyFault::Refuse => Some(End::Close),
            ProxyFault::CutRequests(bytes) | ProxyFault::CutReplies(bytes) => {
                self.left = bytes;
                None
            }
            _ => None,
        }
    }
}
