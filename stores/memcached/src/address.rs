//! Where a server is.

use session_store_api::Result;

use crate::error::config;

/// memcached's own port, for an address that names none.
const PORT: u16 = 11211;

/// `host:port`, always written alike: the ring knows a server by this text.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Address(String);

impl Address {
    /// Reads `host`, `host:port`, `[::1]` or `[::1]:port`.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let wrong = || {
            config(
                "a server must be `host` or `host:port`, without a path; an IPv6 address stands in brackets, `[::1]:11211`",
            )
        };
        let (host, port) = match text.rfind(']') {
            Some(end) => text.split_at(end + 1),
            None => text.split_at(text.find(':').unwrap_or(text.len())),
        };
        let port = match port.strip_prefix(':') {
            Some(digits) => digits.parse().ok().filter(|port| *port > 0),
            None if port.is_empty() => Some(PORT),
            None => None,
        };
        let port = port.ok_or_else(wrong)?;
        let host = host.to_ascii_lowercase();
        let named = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
        let is_host = match host.strip_prefix('[') {
            Some(v6) => v6
                .strip_suffix(']')
                .is_some_and(|v6| v6.parse::<std::net::Ipv6Addr>().is_ok()),
            None => !host.is_empty() && host.bytes().all(named),
        };
        if is_host {
            return Ok(Self(format!("{host}:{port}")));
        }
        Err(wrong())
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_server_is_written_in_one_way() {
        for (text, address) in [
            ("cache", "cache:11211"),
            ("Cache.Example", "cache.example:11211"),
            ("10.0.0.1:1", "10.0.0.1:1"),
            ("[::1]", "[::1]:11211"),
            ("[::1]:65535", "[::1]:65535"),
        ] {
            assert_eq!(Address::parse(text).unwrap().as_str(), address);
        }
    }

    #[test]
    fn what_is_no_server_is_refused() {
        for text in [
            "",
            ":",
            ":11211",
            "a:",
            "a:0",
            "a:65536",
            "a:b",
            "a:1:2",
            "::1",
            "[::1",
            "[x]",
            "[]:1",
            "[::1]1",
            "user:secret@host",
            "a/b",
            "a b",
            "a\r\nb",
        ] {
            let error = Address::parse(text).err().expect(text).to_string();
            assert!(error.contains("`host:port`"), "{text:?}: {error}");
            assert!(!error.contains("secret"), "{error}");
        }
    }
}
