//! Holds the file store to the contract and prints the report; with `--mistake`, a store that has one.

use std::env;
use std::error::Error;
use std::path::Path;
use std::process::ExitCode;

use custom_store::FileStore;
use session_store_api::SessionStore;
use session_store_conformance::{Facts, Progress, Suite};

mod mistake;

use self::mistake::SkipsEqualWrites;

#[tokio::main]
async fn main() -> Result<ExitCode, Box<dyn Error>> {
    let disk = tempfile::tempdir()?;
    let suite = match env::args().nth(1).as_deref() {
        None => suite("files", disk.path(), |store| store),
        Some("--mistake") => suite("mistaken files", disk.path(), SkipsEqualWrites),
        Some(_) => return Err("usage: custom-store [--mistake]".into()),
    };
    let report = suite.run_with(Progress::show).await;
    println!("{report}");
    Ok(match report.passed() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

fn suite<S: SessionStore + 'static>(name: &str, root: &Path, wrap: fn(FileStore) -> S) -> Suite {
    let root = root.to_owned();
    let facts = Facts::new().durable().shared().own_clock();
    Suite::new(name, facts, move |setup| {
        let store = FileStore::open(root.join(setup.namespace()));
        async move { Ok(wrap(store?.with_session_max_age(setup.session_max_age()))) }
    })
}
