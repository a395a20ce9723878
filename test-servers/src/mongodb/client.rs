//! Speaking with MongoDB, so that a test need not trust the client under test.

use std::fmt;
use std::io;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::Kind;
use crate::mongodb::bson::Bson;
use crate::stream::Stream;

/// The only kind of message there is today.
const MESSAGE: i32 = 2013;

/// Length, number, number of the question, kind.
const HEADER: usize = 16;

/// The flags of a message, and that a document follows.
const BEFORE_DOCUMENT: usize = 5;

/// The longest message there may be.
const LONGEST: usize = 48_000_000;

/// One connection to MongoDB, for one command at a time.
pub struct MongoClient(Box<dyn Stream>);

impl MongoClient {
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

    /// Speaks over any stream, for instance one with TLS.
    pub fn new(stream: impl AsyncRead + AsyncWrite + Send + Sync + Unpin + 'static) -> Self {
        Self(Box::new(stream))
    }

    /// Sends a command to a database and waits for its answer. The name of the command is the first of
    /// the fields.
    ///
    /// # Errors
    ///
    /// If the connection breaks, if the answer is not of the protocol
    /// ([`InvalidData`](io::ErrorKind::InvalidData)), or if the server answers with an error, of the
    /// command or of a write ([`Other`](io::ErrorKind::Other), with its name and its words).
    ///
    /// # Cancel safety
    ///
    /// None: a connection whose command was dropped is lost.
    pub async fn command<const N: usize>(
        &mut self,
        database: &str,
        fields: [(&str, Bson); N],
    ) -> io::Result<Bson> {
        let Bson::Document(mut fields) = Bson::document(fields) else {
            return Err(Kind::MongoDb.no_answer());
        };
        fields.push(("$db".to_owned(), Bson::String(database.to_owned())));
        let document = Bson::Document(fields).to_bytes();
        let length = HEADER + BEFORE_DOCUMENT + document.len();
        let length = i32::try_from(length).map_err(io::Error::other)?;
        let mut request = Vec::new();
        for number in [length, 0, 0, MESSAGE, 0] {
            request.extend_from_slice(&number.to_le_bytes());
        }
        request.push(0);
        request.extend(document);
        self.0.write_all(&request).await?;
        self.0.flush().await?;
        self.answer().await
    }

    async fn answer(&mut self) -> io::Result<Bson> {
        let mut header = [0; HEADER];
        self.0.read_exact(&mut header).await?;
        let [a, b, c, d, ..] = header;
        let length = usize::try_from(i32::from_le_bytes([a, b, c, d])).unwrap_or(0);
        if !(HEADER + BEFORE_DOCUMENT..LONGEST).contains(&length) {
            return Err(Kind::MongoDb.no_answer());
        }
        let mut body = vec![0; length - HEADER];
        self.0.read_exact(&mut body).await?;
        let answer = Bson::from_bytes(&body[BEFORE_DOCUMENT..]);
        let answer = answer.ok_or_else(|| Kind::MongoDb.no_answer())?;
        let error = |error: &Bson, name| {
            let message = format!("{}: {}", error.text(name), error.text("errmsg"));
            Err(io::Error::other(message))
        };
        if !answer.is("ok") {
            return error(&answer, "codeName");
        }
        match answer.get("writeErrors") {
            Some(Bson::Array(errors)) if !errors.is_empty() => error(&errors[0], "code"),
            _ => Ok(answer),
        }
    }
}

impl fmt::Debug for MongoClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MongoClient").finish_non_exhaustive()
    }
}
