//! The suites as the `main` of a test file.

use std::process::ExitCode;

use session_store_api::SessionStore;
use session_store_conformance::{BoxError, Suite};
use tokio::runtime::Runtime;

use crate::elsewhere::serving;

/// The `main` of a store's test `conformance`: runs these suites.
///
/// In a process that [`Elsewhere`](crate::Elsewhere) started it serves the store that `elsewhere` opens
/// from the words that were given there, as many on either side.
pub fn main<const N: usize, S, I>(
    elsewhere: impl AsyncFnOnce([String; N]) -> Result<S, BoxError>,
    suites: impl AsyncFnOnce() -> I,
) -> ExitCode
where
    S: SessionStore,
    I: IntoIterator<Item = Suite>,
{
    // What the suites start here lives until they have ended.
    let runtime = match Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: no runtime for the tests: {error}");
            return ExitCode::FAILURE;
        }
    };
    match serving::words() {
        Some(words) => runtime.block_on(serving::serve(words, elsewhere)),
        None => session_store_conformance::main(runtime.block_on(suites())),
    }
}
