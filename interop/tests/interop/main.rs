//! Each pair of a Node application and a Rust one serves the same sessions.
#![allow(clippy::unwrap_used, reason = "a test panics on the unexpected")]

mod everywhere;
mod hooks;
mod in_store;
mod moving;
mod pair;
mod renewal;
mod rotation;
mod servers;
mod visit;

use std::panic::AssertUnwindSafe;
use std::process::ExitCode;
use std::sync::Arc;

use libtest_mimic::{Arguments, Failed, Trial};
use tokio::runtime::Runtime;

use crate::pair::{Case, Pair};

/// At once: they wait for one another's servers, and for sessions to expire.
const THREADS: usize = 16;

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    arguments.test_threads.get_or_insert(THREADS);
    let runtime = Arc::new(Runtime::new().unwrap());
    let servers = runtime
        .block_on(servers::start())
        .inspect_err(|reason| eprintln!("ignored: {reason}"));
    let mut trials = Vec::new();
    for pair in servers.iter().flat_map(|servers| &servers.pairs) {
        let cases = pair.cases.iter().copied().flatten();
        trials.extend(cases.map(|case| trial(&runtime, pair, case)));
    }
    if servers.is_err() {
        let required = std::env::var_os("SESSION_STORE_REQUIRE").is_some_and(|it| it == "1");
        let refuse = || Err(Failed::from("Node, its packages or Redis are missing"));
        trials.push(Trial::test("interop", refuse).with_ignored_flag(!required));
    }
    let conclusion = libtest_mimic::run(&arguments, trials);
    drop(servers);
    conclusion.exit_code()
}

fn trial(runtime: &Arc<Runtime>, pair: &Arc<Pair>, (name, case): &(&str, Case)) -> Trial {
    let (runtime, pair, case) = (runtime.clone(), pair.clone(), *case);
    let name = format!("{}::{name}", pair.name);
    Trial::test(name, move || {
        let run = AssertUnwindSafe(|| runtime.block_on(case(pair)));
        std::panic::catch_unwind(run).map_err(|_| Failed::without_message())
    })
}
