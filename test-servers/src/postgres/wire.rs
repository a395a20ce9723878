//! As much of the protocol of Postgres as it takes to ask for a version and to set a password.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::Kind;
use crate::node::UNKNOWN;

/// Version 3.0 of the protocol.
const PROTOCOL: u32 = 196_608;

/// The longest message of a server that says what it is.
const LONGEST: u32 = 1 << 16;

/// Comes in as this user. Answers the version of the server, or, where it takes clients and asks more
/// of them than this one has, that it is unknown.
pub(super) async fn greet<S>(stream: &mut S, user: &str) -> io::Result<String>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut greeting = PROTOCOL.to_be_bytes().to_vec();
    for word in ["user", user, "database", user, ""] {
        greeting.extend_from_slice(word.as_bytes());
        greeting.push(0);
    }
    send(stream, None, &greeting).await?;
    let mut version = UNKNOWN.to_owned();
    loop {
        match message(stream).await? {
            (b'R', body) if body != [0; 4] => return Ok(UNKNOWN.to_owned()),
            (b'S', body) => {
                let mut words = body.split(|byte| *byte == 0);
                if words.next() == Some(b"server_version") {
                    let words = String::from_utf8_lossy(words.next().unwrap_or_default());
                    // Debian's name for it follows.
                    version = words.split(' ').next().unwrap_or_default().to_owned();
                }
            }
            (b'Z', _) => return Ok(version),
            (b'E', body) if is_refusal(&body) => return Ok(UNKNOWN.to_owned()),
            (b'E', body) => return Err(error(&body)),
            _ => {}
        }
    }
}

/// Executes a statement on a connection that has been greeted.
pub(super) async fn execute<S>(stream: &mut S, statement: &str) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut body = statement.as_bytes().to_vec();
    body.push(0);
    send(stream, Some(b'Q'), &body).await?;
    loop {
        match message(stream).await? {
            (b'Z', _) => return Ok(()),
            (b'E', body) => return Err(error(&body)),
            _ => {}
        }
    }
}

/// Sends a message; the first one has no kind.
async fn send<S>(stream: &mut S, kind: Option<u8>, body: &[u8]) -> io::Result<()>
where
    S: AsyncWrite + Unpin,
{
    let length = u32::try_from(body.len() + 4).map_err(io::Error::other)?;
    let mut message = Vec::from_iter(kind);
    message.extend_from_slice(&length.to_be_bytes());
    message.extend_from_slice(body);
    stream.write_all(&message).await
}

/// The next message: its kind and its body.
async fn message<S>(stream: &mut S) -> io::Result<(u8, Vec<u8>)>
where
    S: AsyncRead + Unpin,
{
    let kind = stream.read_u8().await?;
    let length = stream.read_u32().await?;
    if !(4..=LONGEST).contains(&length) {
        return Err(Kind::Postgres.no_answer());
    }
    let mut body = Vec::new();
    stream
        .take(u64::from(length - 4))
        .read_to_end(&mut body)
        .await?;
    Ok((kind, body))
}

/// Whether an error is about who may come in, and so from a server that takes clients.
fn is_refusal(body: &[u8]) -> bool {
    field(body, b'C').is_some_and(|code| code.starts_with("28"))
}

fn error(body: &[u8]) -> io::Error {
    io::Error::other(field(body, b'M').unwrap_or_default())
}

/// A field of an error.
fn field(body: &[u8], name: u8) -> Option<String> {
    let mut fields = body.split(|byte| *byte == 0);
    let text = fields.find_map(|field| field.strip_prefix(&[name]))?;
    Some(String::from_utf8_lossy(text).into_owned())
}
