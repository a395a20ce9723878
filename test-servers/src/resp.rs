//! Speaking with Redis, so that a test need not trust the client under test.

use std::fmt;
use std::io;
use std::path::Path;
use std::pin::Pin;

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{TcpStream, UnixStream};

use crate::Kind;
use crate::stream::Stream;

/// One connection to Redis, for one command at a time.
pub struct RespClient(BufReader<Box<dyn Stream>>);

/// What Redis answers; an error of the server is an [`io::Error`] with its words.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reply {
    /// Nothing under this key.
    Nil,
    /// A short answer, as `OK`.
    Simple(String),
    /// A number.
    Integer(i64),
    /// Bytes.
    Bulk(Vec<u8>),
    /// Several answers.
    Array(Vec<Self>),
}

impl RespClient {
    /// Connects to a `host:port`.
    ///
    /// # Errors
    ///
    /// If nobody takes the connection.
    pub async fn connect(address: &str) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self::new(stream))
    }

    /// Connects to a Unix socket.
    ///
    /// # Errors
    ///
    /// If nobody takes the connection.
    pub async fn connect_unix(path: impl AsRef<Path>) -> io::Result<Self> {
        Ok(Self::new(UnixStream::connect(path).await?))
    }

    /// Speaks over any stream, for instance one with TLS.
    pub fn new(stream: impl AsyncRead + AsyncWrite + Send + Sync + Unpin + 'static) -> Self {
        Self(BufReader::new(Box::new(stream)))
    }

    /// Sends a command and waits for its answer.
    ///
    /// # Errors
    ///
    /// If the connection breaks, if the answer is not of the protocol
    /// ([`InvalidData`](io::ErrorKind::InvalidData)), or if the server answers with an error
    /// ([`Other`](io::ErrorKind::Other), with its words).
    ///
    /// # Cancel safety
    ///
    /// None: a connection whose command was dropped is lost.
    pub async fn command(&mut self, words: &[impl AsRef<[u8]> + Sync]) -> io::Result<Reply> {
        let mut request = format!("*{}\r\n", words.len()).into_bytes();
        for word in words {
            let word = word.as_ref();
            request.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
            request.extend_from_slice(word);
            request.extend_from_slice(b"\r\n");
        }
        self.0.write_all(&request).await?;
        self.0.flush().await?;
        self.reply().await
    }

    fn reply(&mut self) -> Pin<Box<dyn Future<Output = io::Result<Reply>> + Send + '_>> {
        Box::pin(async move {
            let line = self.line().await?;
            let Some((kind, rest)) = line.split_at_checked(1) else {
                return Err(Kind::Redis.no_answer());
            };
            match kind {
                "+" => Ok(Reply::Simple(rest.to_owned())),
                "-" => Err(io::Error::other(rest.to_owned())),
                ":" => Ok(Reply::Integer(number(rest)?)),
                "$" => match usize::try_from(number(rest)?) {
                    Ok(length) => {
                        let mut bytes = vec![0; length + 2];
                        self.0.read_exact(&mut bytes).await?;
                        bytes.truncate(length);
                        Ok(Reply::Bulk(bytes))
                    }
                    Err(_) => Ok(Reply::Nil),
                },
                "*" => {
                    let mut replies = Vec::new();
                    for _ in 0..number(rest)? {
                        replies.push(self.reply().await?);
                    }
                    Ok(Reply::Array(replies))
                }
                _ => Err(Kind::Redis.no_answer()),
            }
        })
    }

    async fn line(&mut self) -> io::Result<String> {
        let mut line = Vec::new();
        self.0.read_until(b'\n', &mut line).await?;
        match line.strip_suffix(b"\r\n") {
            Some(line) => String::from_utf8(line.to_vec()).map_err(|_| Kind::Redis.no_answer()),
            None if line.is_empty() => Err(io::ErrorKind::UnexpectedEof.into()),
            None => Err(Kind::Redis.no_answer()),
        }
    }
}

impl fmt::Debug for RespClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RespClient").finish_non_exhaustive()
    }
}

impl Reply {
    /// The text of a short answer or of bytes; empty for anything else.
    #[must_use]
    pub fn text(&self) -> String {
        match self {
            Self::Simple(text) => text.clone(),
            Self::Bulk(bytes) => String::from_utf8_lossy(bytes).into_owned(),
            _ => String::new(),
        }
    }
}

fn number(text: &str) -> io::Result<i64> {
    text.parse().map_err(|_| Kind::Redis.no_answer())
}
