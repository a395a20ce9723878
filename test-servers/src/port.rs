//! Choosing ports.

use std::io;
use std::net::{Ipv4Addr, TcpListener};

/// Below the ports that the system gives to clients. A server that is down must not find its port taken
/// by one of them, and a client that knocks at a closed port there can even be connected to itself.
const FIRST: u16 = 10_240;
const LAST: u16 = 22_767;

/// How far above its port a server may open a second one. It is what the cluster bus of Redis does.
pub(crate) const SECOND: u16 = 10_000;

/// A loopback port that is free now, and so is the second one above it.
///
/// Somebody else may still be quicker; whoever starts a server on it tries again then.
pub(crate) fn free() -> io::Result<u16> {
    for _ in 0..1000 {
        let random = getrandom::u32().map_err(io::Error::other)? % u32::from(LAST - FIRST + 1);
        let port = FIRST + u16::try_from(random).unwrap_or_default();
        if [port, port + SECOND].into_iter().all(is_free) {
            return Ok(port);
        }
    }
    Err(io::Error::new(
        io::ErrorKind::AddrInUse,
        "no free port on the loopback",
    ))
}

fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}
