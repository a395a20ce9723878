//! One socket, pipelined by hand: what can be had without a library, and without its errors and limits.

use std::io;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};

use crate::load::Subject;
use crate::memcached::PREFIX;
use crate::ours::names;

/// A task writes whatever is asked, another reads the answers in the same order.
pub struct Pipelined {
    requests: mpsc::UnboundedSender<Request>,
    names: Vec<String>,
}

/// A command, and where the size of the value in its answer goes.
type Request = (Vec<u8>, oneshot::Sender<usize>);

impl Pipelined {
    pub async fn connect(address: &str) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (reader, mut writer) = stream.into_split();
        let (requests, mut asked) = mpsc::unbounded_channel::<Request>();
        let (sent, mut waiting) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            let (mut batch, mut bytes) = (Vec::new(), Vec::new());
            while asked.recv_many(&mut batch, 256).await > 0 {
                bytes.clear();
                for (request, answer) in batch.drain(..) {
                    bytes.extend(request);
                    sent.send(answer).expect("the reader is there");
                }
                writer.write_all(&bytes).await.expect("write");
            }
        });
        tokio::spawn(async move {
            let mut reader = BufReader::with_capacity(64 * 1024, reader);
            while let Some(answer) = waiting.recv().await {
                let size = read(&mut reader).await.expect("read");
                let _ = answer.send(size); // a caller may have gone
            }
        });
        Ok(Self {
            requests,
            names: names(PREFIX),
        })
    }

    async fn ask(&self, request: Vec<u8>) -> usize {
        let (answer, size) = oneshot::channel();
        self.requests
            .send((request, answer))
            .expect("the writer is there");
        size.await.expect("an answer")
    }
}

impl Subject for Pipelined {
    async fn get(&self, key: usize) -> usize {
        self.ask(format!("mg {} v\r\n", self.names[key]).into_bytes())
            .await
    }

    async fn set(&self, key: usize, value: &[u8]) {
        let mut request = format!("ms {} {} T3600\r\n", self.names[key], value.len()).into_bytes();
        request.extend(value);
        request.extend(b"\r\n");
        self.ask(request).await;
    }
}

/// The size of the value, having made a copy of it as a client must.
async fn read(reader: &mut BufReader<impl tokio::io::AsyncRead + Unpin>) -> io::Result<usize> {
    let mut line = String::new();
    reader.read_line(&mut line).await?;
    match line.trim_end().strip_prefix("VA ") {
        None if line == "HD\r\n" => Ok(0),
        None => Err(io::Error::other("neither a hit nor done")),
        Some(size) => {
            let size: usize = size.parse().map_err(io::Error::other)?;
            let mut value = vec![0; size + 2];
            reader.read_exact(&mut value).await?;
            value.truncate(size);
            Ok(value.len())
        }
    }
}
