//! Sessions in Chromium, as people have them.
#![allow(clippy::unwrap_used, reason = "a test panics on the unexpected")]

mod attributes;
mod browser;
mod chromium;
mod end;
mod oversize;
mod process;
mod quickstart;
mod restart;
mod same_site;
mod site;
mod tabs;

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use libtest_mimic::{Arguments, Completion, Failed, Trial};
use tokio::runtime::Runtime;
use tokio::time::timeout;

use crate::chromium::Chromium;

type Case = fn(Arc<Chromium>) -> Pin<Box<dyn Future<Output = ()>>>;

const CASES: &[(&str, Case)] = &[
    ("a_cookie_is_stored_as_it_was_set", |chromium| {
        Box::pin(attributes::stored(chromium))
    }),
    ("no_script_reads_a_cookie_for_http_only", |chromium| {
        Box::pin(attributes::http_only(chromium))
    }),
    ("a_secure_cookie_does_not_come_over_http", |chromium| {
        Box::pin(attributes::secure(chromium))
    }),
    ("same_site_decides_what_other_sites_bring", |chromium| {
        Box::pin(same_site::modes(chromium))
    }),
    ("another_site_leads_here_and_changes_nothing", |chromium| {
        Box::pin(same_site::quickstart(chromium))
    }),
    (
        "a_partitioned_session_is_one_for_each_site_around_it",
        |chromium| Box::pin(same_site::partitioned(chromium)),
    ),
    ("a_restart_ends_a_session_cookie_alone", |chromium| {
        Box::pin(restart::restart(chromium))
    }),
    ("a_logout_in_one_tab_is_one_in_all", |chromium| {
        Box::pin(tabs::logout(chromium))
    }),
    ("a_session_too_large_is_refused_in_words", |chromium| {
        Box::pin(oversize::in_words(chromium))
    }),
    (
        "a_session_too_large_costs_no_more_than_its_page",
        |chromium| Box::pin(oversize::in_none(chromium)),
    ),
    (
        "nothing_outlives_a_killed_test",
        |_| Box::pin(end::killed()),
    ),
    ("nothing_outlives_a_test", |_| Box::pin(end::dropped())),
];

/// What no case needs.
const DEADLINE: Duration = Duration::from_secs(300);

fn main() -> ExitCode {
    let runtime = Arc::new(Runtime::new().unwrap());
    if end::is_child() {
        return runtime.block_on(end::child());
    }
    let arguments = Arguments::from_args();
    let chromium = match arguments.list {
        true => Err("they are listed alone".to_owned()),
        false => runtime.block_on(Chromium::start()).map(Arc::new),
    };
    let cases = CASES.iter().map(|(name, case)| {
        let (runtime, chromium) = (runtime.clone(), chromium.clone());
        Trial::ignorable_test(*name, move || run(&runtime, chromium, *case))
    });
    let conclusion = libtest_mimic::run(&arguments, cases.collect());
    drop(chromium);
    conclusion.exit_code()
}

fn run(
    runtime: &Runtime,
    chromium: Result<Arc<Chromium>, String>,
    case: Case,
) -> Result<Completion, Failed> {
    let chromium = match chromium {
        Ok(chromium) => chromium,
        Err(reason) if is_required() => return Err(reason.into()),
        Err(reason) => return Ok(Completion::ignored_with(reason)),
    };
    let run = AssertUnwindSafe(|| {
        let run = async { timeout(DEADLINE, case(chromium)).await };
        runtime.block_on(run).expect("it takes too long")
    });
    match std::panic::catch_unwind(run) {
        Ok(()) => Ok(Completion::Completed),
        Err(_) => Err(Failed::without_message()),
    }
}

fn is_required() -> bool {
    std::env::var_os("SESSION_STORE_REQUIRE").is_some_and(|it| it == "1")
}
