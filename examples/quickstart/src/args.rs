//! The command line.

use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;

/// A small web app whose sessions survive a restart.
#[derive(Parser)]
#[command(name = "quickstart")]
pub(crate) struct Args {
    /// Where to listen; port 0 takes a free one
    #[arg(
        long,
        visible_alias = "address",
        value_name = "ADDR:PORT",
        value_parser = address,
        default_value = "127.0.0.1:3000"
    )]
    pub(crate) listen: SocketAddr,

    /// The port to listen on, in place of the one in --listen
    #[arg(long)]
    pub(crate) port: Option<u16>,

    /// Where sessions are kept: `sqlite:FILE`, `memory:` or any URL of the crate session-store
    #[arg(
        long,
        value_name = "URL",
        env = "SESSION_STORE_URL",
        hide_env_values = true,
        default_value = "sqlite:sessions.db"
    )]
    pub(crate) store: String,

    /// How long a session lives after its last visit: 90s, 30m, 12h, 7d
    #[arg(
        long,
        visible_alias = "session-max-age",
        value_name = "TIME",
        value_parser = duration,
        default_value = "1d"
    )]
    pub(crate) max_age: Duration,

    /// The secret that seals the cookies, at least 32 bytes; better given as SESSION_SECRET
    #[arg(long, env = "SESSION_SECRET", hide_env_values = true)]
    pub(crate) secret: Option<String>,

    /// Keeps a secret made up on the first start, unless one is given
    #[arg(long, value_name = "FILE", default_value = "sessions.key")]
    pub(crate) key_file: PathBuf,
}

impl Args {
    /// Where to listen, once --listen and --port are put together.
    pub(crate) fn address(&self) -> SocketAddr {
        let port = self.port.unwrap_or(self.listen.port());
        SocketAddr::new(self.listen.ip(), port)
    }
}

/// Reads `127.0.0.1:3000`, `[::1]:3000`, `localhost:3000`.
fn address(text: &str) -> Result<SocketAddr, String> {
    let example = "expected an address and a port, for instance 127.0.0.1:3000";
    let mut found = text
        .to_socket_addrs()
        .map_err(|error| format!("{example} ({error})"))?;
    found.next().ok_or_else(|| example.to_owned())
}

/// Reads `1500ms`, `90s`, `30m`, `12h`, `7d`.
fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let millis: u64 = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return Err("expected a number and a unit: 1500ms, 90s, 30m, 12h or 7d".to_owned()),
    };
    let number: u64 = number.parse().map_err(|_| "expected a whole number")?;
    match number.checked_mul(millis) {
        None => Err("too long".to_owned()),
        Some(0) => Err("a session must live for a while".to_owned()),
        Some(millis) => Ok(Duration::from_millis(millis)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        assert_eq!(duration("1500ms"), Ok(Duration::from_millis(1500)));
        assert_eq!(duration("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("7d"), Ok(Duration::from_secs(7 * 86_400)));
        for bad in [
            "",
            "5",
            "s",
            "-1s",
            "1.5h",
            "0s",
            "99999999999999999999s",
            "213503982335d",
            "1w",
        ] {
            assert!(duration(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn addresses() {
        assert!(address("localhost:3000").unwrap().ip().is_loopback());
        assert_eq!(address("[::1]:80").unwrap().to_string(), "[::1]:80");
        for bad in ["", "localhost", "127.0.0.1", "127.0.0.1:65536", ":"] {
            let error = address(bad).unwrap_err();
            assert!(error.contains("an address and a port"), "{bad}: {error}");
        }
    }

    #[test]
    fn a_port_alone_keeps_the_address() {
        let args = Args::parse_from(["quickstart", "--listen", "[::1]:4000", "--port", "5000"]);
        assert_eq!(args.address().to_string(), "[::1]:5000");
    }
}
