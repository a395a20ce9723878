//! One connection: requests go out while replies come in.
//!
//! The driver's own connection writes a whole batch before it reads, and gives up at the first command that
//! the server refuses, with all that stand behind it. So commands and replies are the driver's, and the
//! pipeline is ours.

use std::io;
use std::time::Duration;

use futures_util::future::try_join;
use memcache::exp::{Error as DriverError, MetaResponse, ReturnCode};
use session_store_api::Result;
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::runtime::{self, Handle};
use tokio::time::Instant;

use crate::error::{broken, crowded, error, gibberish, unreachable};
use crate::stats::Stats;

/// A connection that was quiet for longer may have been forgotten by what stands between us and the server.
const IDLE: Duration = Duration::from_secs(60);

/// Longer than any line of memcached.
const LONGEST_LINE: u64 = 2048;

/// A connection to a server. Dropped in the middle of an exchange, it is closed.
pub(crate) struct Connection {
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

impl Connection {
    /// Looks the name up each time: a server that was replaced may have moved.
    pub(crate) async fn open(address: &str) -> Result<Self> {
        let stream = TcpStream::connect(address).await;
        let stream = stream.map_err(|cause| unreachable(address, cause))?;
        stream.set_nodelay(true).map_err(broken)?;
        let (reader, writer) = stream.into_split();
        Ok(Self {
            reader: BufReader::with_capacity(16 * 1024, reader),
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
        let Self { reader, writer, .. } = self;
        let write = async { writer.write_all(requests).await.map_err(broken) };
        let read = async {
            for place in 0..count {
                replies.push(reply(reader, place).await?);
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
        let written = self.writer.write_all(request.as_bytes()).await;
        written.map_err(broken)?;
        let mut stats = Stats::default();
        loop {
            let line = line(&mut self.reader).await?;
            let line = std::str::from_utf8(&line).map_err(|_| gibberish())?;
            if line == "END" {
                self.used = Instant::now();
                return Ok(stats);
            }
            let stat = line
                .strip_prefix("STAT ")
                .and_then(|stat| stat.split_once(' '));
            let (name, value) = stat.ok_or_else(gibberish)?;
            stats.insert(name, value);
        }
    }
}

/// The reply to the command of this number.
async fn reply(reader: &mut (impl AsyncBufRead + Unpin), place: usize) -> Result<Reply> {
    let line = line(reader).await?;
    let response = match MetaResponse::parse_header(&line) {
        Ok(response) => response,
        Err(DriverError::Server(message)) => return Ok(Reply::Refused(message)),
        Err(cause) => return Err(error(&cause)),
    };
    if flag(&response, b'O') != u64::try_from(place).ok() {
        return Err(gibberish());
    }
    let (code, cas) = (response.rc(), flag(&response, b'c'));
    let value = match code {
        ReturnCode::Va => {
            let size = line.split(|byte| *byte == b' ').nth(1).and_then(number);
            let size = size.and_then(|size| usize::try_from(size).ok());
            Some(value(reader, size.ok_or_else(gibberish)?).await?)
        }
        _ => None,
    };
    Ok(Reply::Code { code, cas, value })
}

/// The next line, without its end.
async fn line(reader: &mut (impl AsyncBufRead + Unpin)) -> Result<Vec<u8>> {
    let mut line = Vec::new();
    let read = reader.take(LONGEST_LINE).read_until(b'\n', &mut line).await;
    if read.map_err(broken)? == 0 {
        return Err(broken(io::ErrorKind::UnexpectedEof.into()));
    }
    if !line.ends_with(b"\r\n") {
        return Err(gibberish());
    }
    // What a server says to a client that it closes the door on; the driver takes it for an old server.
    if line.starts_with(b"ERROR Too many open connections") {
        return Err(crowded());
    }
    line.truncate(line.len() - 2);
    Ok(line)
}

/// The next `size` bytes, and the end of the line behind them.
async fn value(reader: &mut (impl AsyncBufRead + Unpin), size: usize) -> Result<Vec<u8>> {
    // No more is taken on trust than a usual server holds.
    let mut value = Vec::with_capacity((size + 2).min(1 << 20));
    let end = u64::try_from(size + 2).unwrap_or(u64::MAX);
    let read = reader.take(end).read_to_end(&mut value).await;
    if read.map_err(broken)? < size + 2 {
        return Err(broken(io::ErrorKind::UnexpectedEof.into()));
    }
    if !value.ends_with(b"\r\n") {
        return Err(gibberish());
    }
    value.truncate(size);
    Ok(value)
}

/// The number behind this letter.
fn flag(response: &MetaResponse, letter: u8) -> Option<u64> {
    let mut flags = response.flags();
    flags.find_map(|flag| flag.strip_prefix(&[letter]).and_then(number))
}

fn number(digits: &[u8]) -> Option<u64> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}
