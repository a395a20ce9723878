//! An application behind HTTP, and a client that costs next to nothing.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

use crate::load::{KEYS, Subject, VALUE};
use crate::session_layer::pages::{self, AROUND, IDLE, VALUES};

/// A site, and the cookies of those who visit it. Clones share both, and the connections.
#[derive(Clone)]
pub struct Site {
    address: SocketAddr,
    cookies: Arc<Vec<String>>,
    /// Connections that nobody uses now.
    connections: Arc<Mutex<Vec<Connection>>>,
}

/// The pages of a [`Site`] that use no session.
pub struct Idle(Site);

type Connection = BufReader<TcpStream>;

impl Site {
    /// Serves an application, for as long as this program runs, and visits it.
    pub async fn serve(app: Router) -> io::Result<Self> {
        Self::fill(serve(app).await?).await
    }

    /// Visits a site that is there.
    pub async fn fill(address: impl Into<SocketAddr>) -> io::Result<Self> {
        let mut site = Self {
            address: address.into(),
            cookies: Arc::default(),
            connections: Arc::default(),
        };
        let mut cookies = Vec::with_capacity(KEYS);
        for _ in 0..KEYS {
            cookies.push(site.visit(&pages::insert(VALUE), "").await?.cookie);
        }
        site.cookies = Arc::new(cookies);
        Ok(site)
    }

    /// Serves another application to the same visitors.
    pub async fn with_app(&self, app: Router) -> io::Result<Self> {
        Ok(Self {
            address: serve(app).await?,
            cookies: Arc::clone(&self.cookies),
            connections: Arc::default(),
        })
    }

    pub fn idle(&self) -> Idle {
        Idle(self.clone())
    }

    async fn visit(&self, page: &str, cookie: &str) -> io::Result<Answer> {
        let kept = self.connections.lock().expect("nobody panics").pop();
        let mut connection = match kept {
            Some(connection) => connection,
            None => connect(self.address).await?,
        };
        let request = format!("GET {page} HTTP/1.1\r\nhost: bench\r\ncookie: {cookie}\r\n\r\n");
        connection.write_all(request.as_bytes()).await?;
        let answer = Answer::read(&mut connection).await?;
        let mut connections = self.connections.lock().expect("nobody panics");
        connections.push(connection);
        Ok(answer)
    }

    async fn page(&self, page: &str, key: usize) -> usize {
        let answer = self.visit(page, &self.cookies[key]).await;
        answer.expect("an answer").len.saturating_sub(AROUND)
    }
}

impl Subject for Site {
    async fn get(&self, key: usize) -> usize {
        self.page(VALUES, key).await
    }

    async fn set(&self, key: usize, value: &[u8]) {
        self.page(&pages::insert(value.len()), key).await;
    }
}

impl Subject for Idle {
    async fn get(&self, key: usize) -> usize {
        self.0.page(IDLE, key).await
    }

    async fn set(&self, key: usize, value: &[u8]) {
        self.0.set(key, value).await;
    }
}

/// What is looked at of an answer.
#[derive(Default)]
struct Answer {
    /// The cookies that it sets, as they are sent back.
    cookie: String,
    /// The length of its body.
    len: usize,
}

impl Answer {
    async fn read(connection: &mut Connection) -> io::Result<Self> {
        let mut line = String::new();
        connection.read_line(&mut line).await?;
        if !line.starts_with("HTTP/1.1 200") {
            return Err(io::Error::other(line));
        }
        let mut answer = Self::default();
        loop {
            line.clear();
            connection.read_line(&mut line).await?;
            let Some((name, value)) = line.split_once(':') else {
                break;
            };
            if name.eq_ignore_ascii_case("content-length") {
                answer.len = value.trim().parse().map_err(io::Error::other)?;
            } else if name.eq_ignore_ascii_case("set-cookie") {
                let separator = if answer.cookie.is_empty() { "" } else { "; " };
                let pair = value.split(';').next().unwrap_or_default().trim();
                answer.cookie.push_str(separator);
                answer.cookie.push_str(pair);
            }
        }
        let mut body = vec![0; answer.len];
        connection.read_exact(&mut body).await?;
        Ok(answer)
    }
}

async fn connect(address: SocketAddr) -> io::Result<Connection> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(BufReader::new(stream))
}

async fn serve(app: Router) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move { axum::serve(listener, app).await });
    Ok(address)
}
