//! A store elsewhere is the store that it is there: keys, values and lives arrive as they were sent.

use std::process::ExitCode;
use std::time::Duration;

use session_store_conformance::{BoxError, Facts, Skew, Suite};
use session_store_memory::MemoryStore;
use store_suite::Elsewhere;

fn main() -> ExitCode {
    store_suite::main(elsewhere, async || {
        let year = Duration::from_secs(365 * 24 * 60 * 60);
        [
            suite("ahead", Skew::Ahead(year)),
            suite("behind", Skew::Behind(year)),
            suite("zone", Skew::Zone(14)),
        ]
    })
}

/// What can be asked of a store that nobody shares, and that is lost with the first call that is dropped.
fn suite(name: &str, skew: Skew) -> Suite {
    let facts = Facts::new().own_clock().evicts();
    let suite = Suite::new(name, facts, move |setup| async move {
        let session = format!("{}ms", setup.session_max_age().as_millis());
        Elsewhere::open(skew, ["1GiB", &session]).await
    });
    ["c01", "c02", "c03", "c04", "c05", "c08", "c09", "c10"]
        .into_iter()
        .fold(suite, Suite::only)
}

async fn elsewhere([bytes, session]: [String; 2]) -> Result<MemoryStore, BoxError> {
    let url = format!("memory:?max_bytes={bytes}&session_max_age={session}");
    Ok(MemoryStore::from_url(&url)?)
}
