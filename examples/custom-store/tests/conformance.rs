//! The file store keeps the contract.

use std::process::ExitCode;

use custom_store::FileStore;
use session_store_conformance::{Facts, Suite};

fn main() -> std::io::Result<ExitCode> {
    let disk = tempfile::tempdir()?;
    let root = disk.path().to_owned();
    let facts = Facts::new().durable().shared().own_clock();
    let suite = Suite::new("files", facts, move |setup| {
        let store = FileStore::open(root.join(setup.namespace()));
        async move { Ok(store?.with_session_max_age(setup.session_max_age())) }
    });
    Ok(session_store_conformance::main([suite]))
}
