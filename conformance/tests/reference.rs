//! The suite finds nothing wrong with a store that is right.

use std::process::ExitCode;
use std::time::Duration;

use session_store_conformance::{Facts, Suite};

use self::support::reference::{DEADLINE, Reference, Server, facts};

mod support {
    pub(crate) mod reference;
}

fn main() -> ExitCode {
    let suites = [atomic(), plain(), coarse(), distant()];
    session_store_conformance::main(suites.map(|suite| suite.deadline(DEADLINE)))
}

/// All that the suite knows.
fn atomic() -> Suite {
    suite("atomic", facts(), Server::start, |store| store)
}

/// The three methods alone.
fn plain() -> Suite {
    let server = Server::start();
    Suite::new("plain", facts(), move |setup| {
        let store = Reference::open(&server, &setup);
        async move { Ok(store) }
    })
    .breakable_plain(|setup| {
        let server = Server::start();
        let store = Reference::open(&server, &setup);
        async move { Ok((store, server)) }
    })
}

/// Expiries rounded up to a quarter of a second.
fn coarse() -> Suite {
    const RESOLUTION: Duration = Duration::from_millis(250);
    suite(
        "coarse",
        facts().resolution(RESOLUTION),
        Server::start,
        |store| store.with_resolution(RESOLUTION),
    )
}

/// A server at the other end of a network.
fn distant() -> Suite {
    let start = || Server::start_at(Duration::from_millis(3));
    suite("distant", facts(), start, |store| store)
}

fn suite(
    name: &str,
    facts: Facts,
    start: fn() -> Server,
    configure: fn(Reference) -> Reference,
) -> Suite {
    let server = start();
    let skewed_server = server.clone();
    Suite::atomic(name, facts, move |setup| {
        let store = configure(Reference::open(&server, &setup));
        async move { Ok(store) }
    })
    .breakable(move |setup| {
        let server = start();
        let store = configure(Reference::open(&server, &setup));
        async move { Ok((store, server)) }
    })
    // The server's clock is the only one that the store looks at.
    .skewed(move |setup, _| {
        let store = configure(Reference::open(&skewed_server, &setup));
        async move { Ok(store) }
    })
}
