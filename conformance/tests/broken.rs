//! The suite sees what is wrong: stores that are wrong in one way each, and must fail in the clauses
//! that they break.
//!
//! Every store is a test of its own, named after what it does. In the end a table says which clauses
//! saw it.

#![allow(clippy::unwrap_used, reason = "a test panics on the unexpected")]

use std::collections::BTreeSet;
use std::process::ExitCode;
use std::sync::{Arc, OnceLock};

use libtest_mimic::{Arguments, Failed, Trial};
use session_store_conformance::{CaseReport, Suite, Verdict};
use tokio::runtime::{Builder, Handle};

use self::support::mutant::{Deviation, Mutant};
use self::support::{
    clocks, concurrency, conditions, expiry, faults, handles, keys, lives, overwriting, races,
    recovery, removal, touch, useless, values,
};

mod support {
    pub(crate) mod clocks;
    pub(crate) mod concurrency;
    pub(crate) mod conditions;
    pub(crate) mod expiry;
    pub(crate) mod faults;
    pub(crate) mod handles;
    pub(crate) mod keys;
    pub(crate) mod lives;
    pub(crate) mod mutant;
    pub(crate) mod overwriting;
    pub(crate) mod races;
    pub(crate) mod recovery;
    pub(crate) mod reference;
    pub(crate) mod removal;
    pub(crate) mod touch;
    pub(crate) mod useless;
    pub(crate) mod values;
}

/// So many stores are tried side by side, since a case waits most of the time.
const SIDE_BY_SIDE: usize = 32;

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    arguments.test_threads.get_or_insert(SIDE_BY_SIDE);
    let runtime = Builder::new_multi_thread().enable_all().build().unwrap();
    let handle = || runtime.handle().clone();
    let tried: Vec<Arc<Tried>> = mutants().into_iter().map(Tried::new).collect();
    let mut trials = vec![control_trial(handle())];
    trials.extend(useless::mutants().map(|mutant| useless_trial(mutant, handle())));
    trials.extend(tried.iter().map(|tried| trial(tried.clone(), handle())));
    let conclusion = libtest_mimic::run(&arguments, trials);
    print_table(&tried);
    conclusion.exit_code()
}

/// Those that hang come first, so that the others run meanwhile.
fn mutants() -> Vec<Mutant> {
    [
        concurrency::mutants(),
        faults::mutants(),
        recovery::mutants(),
        values::mutants(),
        keys::mutants(),
        removal::mutants(),
        lives::mutants(),
        expiry::mutants(),
        overwriting::mutants(),
        handles::mutants(),
        clocks::mutants(),
        conditions::mutants(),
        touch::mutants(),
        races::mutants(),
    ]
    .concat()
}

/// A mutant and, once it was tried, the clauses that saw it.
struct Tried {
    mutant: Mutant,
    seen: OnceLock<BTreeSet<String>>,
}

impl Tried {
    fn new(mutant: Mutant) -> Arc<Self> {
        let seen = OnceLock::new();
        Arc::new(Self { mutant, seen })
    }
}

/// Of each clause that the mutant breaks a case must fail; or the very case, where that is named.
fn trial(tried: Arc<Tried>, runtime: Handle) -> Trial {
    Trial::test(tried.mutant.does, move || {
        let breaks = tried.mutant.breaks.iter();
        let suite = breaks.clone().fold(tried.mutant.suite(), Suite::only);
        let report = runtime.block_on(suite.run());
        let failed = || report.cases().iter().filter(|case| has_failed(case));
        let clauses = failed().map(|case| case.clause().to_owned());
        tried.seen.get_or_init(|| clauses.collect());
        let is_seen = |of: &str| {
            let of = of.to_ascii_lowercase();
            failed().any(|case| case.name().starts_with(&of))
        };
        let missed = breaks.copied().filter(|of| !is_seen(of));
        expect_none("no case failed of", missed)
    })
}

/// A store that keeps nothing, or answers nothing, must fail every case.
fn useless_trial(mutant: Mutant, runtime: Handle) -> Trial {
    Trial::test(mutant.does, move || {
        let report = runtime.block_on(mutant.suite().run());
        let passed = |case: &&CaseReport| *case.verdict() == Verdict::Passed;
        let passed = report.cases().iter().filter(passed);
        expect_none("passed:", passed.map(CaseReport::name))
    })
}

/// A store that is right must fail none, on this busy machine too, or no failure proves anything.
fn control_trial(runtime: Handle) -> Trial {
    struct Nothing;
    impl Deviation for Nothing {}

    let mutant = Mutant::new("", "does nothing wrong", || Nothing);
    Trial::test(mutant.does, move || {
        let report = runtime.block_on(mutant.suite().run());
        let failed = report.cases().iter().filter(|case| has_failed(case));
        expect_none("failed:", failed.map(CaseReport::name))
    })
}

fn has_failed(case: &CaseReport) -> bool {
    matches!(case.verdict(), Verdict::Failed(_))
}

fn expect_none<'a>(what: &str, found: impl Iterator<Item = &'a str>) -> Result<(), Failed> {
    let found: Vec<&str> = found.collect();
    if found.is_empty() {
        return Ok(());
    }
    Err(Failed::from(format!("{what} {}", found.join(", "))))
}

fn print_table(tried: &[Arc<Tried>]) {
    for tried in tried {
        if let Some(seen) = tried.seen.get() {
            let seen: Vec<&str> = seen.iter().map(String::as_str).collect();
            println!("{:60} {}", tried.mutant.does, seen.join(" "));
        }
    }
}
