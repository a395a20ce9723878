//! The contract, clause by clause.

use std::process::ExitCode;

use session_store_api::Result;
use session_store_conformance::{Facts, Suite};
use session_store_memory::MemoryStore;

fn main() -> ExitCode {
    let max_value = roomy().map_or(0, |store| store.max_value());
    let facts = Facts::new().own_clock().evicts().max_value(max_value);
    session_store_conformance::main([Suite::atomic("memory", facts, |setup| async move {
        Ok(roomy()?.with_session_max_age(setup.session_max_age())?)
    })])
}

/// The cases share a store, so it has room for them not to evict each other's records.
fn roomy() -> Result<MemoryStore> {
    MemoryStore::new().with_max_bytes(16 << 30)
}
