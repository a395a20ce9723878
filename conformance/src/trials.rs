//! The suite under `cargo test`: every case a test of its own.

use std::process::ExitCode;
use std::time::Duration;

use libtest_mimic::{Arguments, Completion, Failed, Trial};
use tokio::runtime::{Builder, Handle};

use crate::case::Case;
use crate::clauses;
use crate::report::Verdict;
use crate::run::Run;
use crate::seed;
use crate::suite::Suite;

/// The `main` of a test file: runs every case of every suite as a test of its own, named
/// `suite::c07_never_late`.
///
/// Takes the arguments of the standard test harness (`--list`, filters, `--exact`, `--skip`,
/// `--test-threads`) and works under `cargo nextest`. All cases run side by side unless
/// `--test-threads` says otherwise, since most of them wait most of the time. Each suite opens its
/// store once per process, when the first case asks for it.
///
/// A case that does not apply to the store is *ignored* and says why. So are all cases of an
/// [unavailable](Suite::unavailable) suite, unless `SESSION_STORE_REQUIRE` is `1`: then they fail.
pub fn main(suites: impl IntoIterator<Item = Suite>) -> ExitCode {
    let mut arguments = Arguments::from_args();
    let runtime = match Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: no runtime for the tests: {error}");
            return ExitCode::FAILURE;
        }
    };
    let runs: Vec<Run> = suites.into_iter().map(Run::new).collect();
    // Who lists the tests (as nextest does, to choose) learns here what is ignored. In a run the case
    // itself says it, since only so its reason is shown.
    let flag_ignored = arguments.list || arguments.ignored;
    let trials: Vec<Trial> = runs
        .iter()
        .flat_map(|run| {
            let runtime = runtime.handle();
            let cases = run.suite().cases().into_iter();
            cases.map(move |case| trial(run.clone(), case, runtime.clone(), flag_ignored))
        })
        .collect();
    arguments.test_threads.get_or_insert(trials.len().max(1));
    let conclusion = libtest_mimic::run(&arguments, trials);

    // Stores are dropped where they lived; whatever a failed case left hanging is not waited for.
    let inside = runtime.enter();
    drop(runs);
    drop(inside);
    runtime.shutdown_timeout(Duration::from_secs(1));
    conclusion.exit_code()
}

fn trial(run: Run, case: Case, runtime: Handle, flag_ignored: bool) -> Trial {
    let name = format!("{}::{}", run.suite().name(), case.name);
    let ignored = matches!(run.settled(case), Some(Verdict::Ignored(_)));
    let test = move || match runtime.block_on(run.case(case)).verdict() {
        Verdict::Passed => Ok(Completion::Completed),
        Verdict::Ignored(reason) => Ok(Completion::ignored_with(reason)),
        Verdict::Failed(reason) => Err(failure(&run, case, reason)),
    };
    Trial::ignorable_test(name, test).with_ignored_flag(flag_ignored && ignored)
}

fn failure(run: &Run, case: Case, reason: &str) -> Failed {
    let clause = case.clause();
    let promise = clauses::promise(&clause);
    let (variable, seed) = (seed::VARIABLE, run.suite().seed_number());
    format!("{reason}\n{clause}: {promise}; repeat with {variable}={seed}").into()
}
