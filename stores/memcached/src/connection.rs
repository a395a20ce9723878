//! One connection: requests go out while replies come in.
//!
//! The driver's own connection writes a whole batch before it reads, and gives up at the first command that
//! the server refuses, with all that stand behind it. So commands and replies are the driver's, and the
//! pipeline is ours.

use std::io;
use std::time::Duration;

use futures_util::future::try_join;
use memcache::exp::{Error as DriverError, MetaResponse, ReturnCode};
use session_store_api::{Error, Result};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::runtime::{self, Handle};
use tokio::time::Instant;

use crate::error::{broken, crowded, error, gibberish, other_server, unreachable};
use crate::stats::Stats;

/// A connection that was quiet for longer may have been forgotten by what stands between us and the server.
const IDLE: Duration = Duration::from_secs(60);

/// The replies to a batch of records of 1 KiB come in one read or two.
const BUFFER: usize = 64 * 1024;

/// Longer than any line of memcached.
const LONGEST_LINE: u64 = 2048;

/// How the answers of other servers begin.
const OTHERS: [(&[u8], &str); 3] = [
    (b"HTTP/", "a web server"),
    (b"-ERR ", "Redis"),
    (b"-NOAUTH ", "Redis"),
];

/// A connection to a server. Dropped in the middle of an exchange, it is closed.
pub(crate) struct Connection {
    address: Box<str>,
    reader: BufReader<OwnedReadHalf>,
    writer: OwnedWriteHalf,
    /// On which it works: one that is no longer driven would never hear of a reply.
    runtime: runtime::Id,
    used: Instant,
}

/// What a server replies to one command.
pub(crate) enum Reply {
    Code {
        code: ReturnCode,
        /// The number of the record as it is, if it was asked for.
        cas: Option<u64>,
        value: Option<Vec<u8>>,
    },
    /// `SERVER_ERROR`: this command failed, and those behind it go on.
    Refused(String),
}

/// What comes from the server at an address.
struct Replies<'a> {
    address: &'a str,
    reader: &'a mut BufReader<OwnedReadHalf>,
}

impl Connection {
    /// Looks the name up each time: a server that was replaced may have moved.
    pub(crate) async fn open(address: &str) -> Result<Self> {
        let stream = TcpStream::connect(address).await;
        let stream = stream.map_err(|cause| unreachable(address, cause))?;
        let nodelay = stream.set_nodelay(true);
        nodelay.map_err(|cause| broken(address, cause))?;
        let (reader, writer) = stream.into_split();
        Ok(Self {
            address: address.into(),
            reader: BufReader::with_capacity(BUFFER, reader),
            writer,
            runtime: Handle::current().id(),
            used: Instant::now(),
        })
    }

    /// Whether it can be used here and now: it was used not long ago, and nothing has come since, not even
    /// its end.
    pub(crate) fn is_fit(&self) -> bool {
        let came = self.reader.get_ref().try_read(&mut [0]);
        self.runtime == Handle::current().id()
            && self.used.elapsed() < IDLE
            && self.reader.buffer().is_empty()
            && came.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
    }

    /// Sends `count` numbered commands, and puts what is replied to each into `replies`. What came before
    /// an error, or before the future was dropped, stands there.
    pub(crate) async fn exchange(
        &mut self,
        requests: &[u8],
        count: usize,
        replies: &mut Vec<Reply>,
    ) -> Result<()> {
        let (mut from, writer) = self.split();
        let address = from.address;
        let write = async {
            let written = writer.write_all(requests).await;
            written.map_err(|cause| broken(address, cause))
        };
        let read = async {
            for place in 0..count {
                replies.push(from.reply(place).await?);
            }
            Ok(())
        };
        try_join(write, read).await?;
        self.used = Instant::now();
        Ok(())
    }

    /// What the server says of itself: `what` is empty, or `settings`.
    pub(crate) async fn stats(&mut self, what: &str) -> Result<Stats> {
        let request = format!("stats {what}\r\n");
        let (mut replies, writer) = self.split();
        let written = writer.write_all(request.as_bytes()).await;
        written.map_err(|cause| replies.broken(cause))?;
        let mut stats = Stats::default();
        loop {
            let line = replies.line().await?;
            let line = std::str::from_utf8(&line).map_err(|_| replies.gibberish())?;
            if line == "END" {
                break;
            }
            let stat = line
                .strip_prefix("STAT ")
                .and_then(|stat| stat.split_once(' '));
            let (name, value) = stat.ok_or_else(|| replies.gibberish())?;
            stats.insert(name, value);
        }
        self.used = Instant::now();
        Ok(stats)
    }

    fn split(&mut self) -> (Replies<'_>, &mut OwnedWriteHalf) {
        let Self {
            address,
            reader,
            writer,
            ..
        } = self;
        (Replies { address, reader }, writer)
    }
}

impl Replies<'_> {
    /// The reply to the command of this number.
    async fn reply(&mut self, place: usize) -> Result<Reply> {
        let line = self.line().await?;
        let response = match MetaResponse::parse_header(&line) {
            Ok(response) => response,
            Err(DriverError::Server(message)) => return Ok(Reply::Refused(message)),
            Err(cause) => return Err(error(self.address, &cause)),
        };
        if flag(&response, b'O') != u64::try_from(place).ok() {
            return Err(self.gibberish());
        }
        let (code, cas) = (response.rc(), flag(&response, b'c'));
        let value = match code {
            ReturnCode::Va => {
                let size = line.split(|byte| *byte == b' ').nth(1).and_then(number);
                let size = size.and_then(|size| usize::try_from(size).ok());
                let size = size.ok_or_else(|| self.gibberish())?;
                Some(self.value(size).await?)
            }
            _ => None,
        };
        Ok(Reply::Code { code, cas, value })
    }

    /// The next line, without its end.
    async fn line(&mut self) -> Result<Vec<u8>> {
        let mut line = Vec::new();
        let mut reader = (&mut *self.reader).take(LONGEST_LINE);
        let read = reader.read_until(b'\n', &mut line).await;
        if read.map_err(|cause| self.broken(cause))? == 0 {
            return Err(self.broken(io::ErrorKind::UnexpectedEof.into()));
        }
        if !line.ends_with(b"\r\n") {
            return Err(self.gibberish());
        }
        // What a server says to a client that it closes the door on; the driver takes it for an old server.
        if line.starts_with(b"ERROR Too many open connections") {
            return Err(crowded(self.address));
        }
        // No memcached begins like this, however broken the way to it is.
        for (beginning, whose) in OTHERS {
            if line.starts_with(beginning) {
                return Err(other_server(self.address, whose));
            }
        }
        line.truncate(line.len() - 2);
        Ok(line)
    }

    /// The next `size` bytes, and the end of the line behind them.
    async fn value(&mut self, size: usize) -> Result<Vec<u8>> {
        // No more is taken on trust than a usual server holds.
        let mut value = Vec::with_capacity((size + 2).min(1 << 20));
        let end = u64::try_from(size + 2).unwrap_or(u64::MAX);
        let read = (&mut *self.reader).take(end).read_to_end(&mut value).await;
        if read.map_err(|cause| self.broken(cause))? < size + 2 {
            return Err(self.broken(io::ErrorKind::UnexpectedEof.into()));
        }
        if !value.ends_with(b"\r\n") {
            return Err(self.gibberish());
        }
        value.truncate(size);
        Ok(value)
    }

    fn broken(&self, cause: io::Error) -> Error {
        broken(self.address, cause)
    }

    fn gibberish(&self) -> Error {
        gibberish(self.address)
    }
}

/// The number behind this letter.
fn flag(response: &MetaResponse, letter: u8) -> Option<u64> {
    let mut flags = response.flags();
    flags.find_map(|flag| flag.strip_prefix(&[letter]).and_then(number))
}

fn number(digits: &[u8]) -> Option<u64> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}
