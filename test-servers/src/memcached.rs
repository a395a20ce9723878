//! How memcached is started and asked.

use std::io;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use crate::builder::Settings;
use crate::engine::Launch;
use crate::{Kind, url};

/// The longest answer that says a version.
const LONGEST: u64 = 1024;

/// The command line of a server.
pub(crate) fn args(launch: &Launch, settings: &Settings) -> Vec<String> {
    let host = if launch.contained {
        "0.0.0.0"
    } else {
        "127.0.0.1"
    };
    let port = launch.port.to_string();
    let options = ["-l", host, "-p", &port, "-U", "0"].map(str::to_owned);
    options.into_iter().chain(settings.args.clone()).collect()
}

/// Where a client finds it.
pub(crate) fn url(launch: &Launch) -> String {
    format!("memcached://127.0.0.1:{}", launch.port)
}

/// The version of a server that we started.
pub(crate) async fn probe(launch: &Launch) -> io::Result<String> {
    version(&format!("127.0.0.1:{}", launch.port)).await
}

/// The version of a server that somebody else started.
pub(crate) async fn probe_url(url: &str) -> io::Result<String> {
    version(&url::address(Kind::Memcached, url)).await
}

async fn version(address: &str) -> io::Result<String> {
    let mut stream = BufReader::new(TcpStream::connect(address).await?).take(LONGEST);
    stream.get_mut().write_all(b"version\r\n").await?;
    let mut line = String::new();
    stream.read_line(&mut line).await?;
    let version = line.strip_prefix("VERSION ");
    let version = version.and_then(|line| line.strip_suffix("\r\n"));
    Ok(version
        .ok_or_else(|| Kind::Memcached.no_answer())?
        .to_owned())
}
