//! `session-store check`: the suite, against the store of a URL.

use std::fs;
use std::io::{self, Write};
use std::sync::Arc;

use session_store::MaxAge;
use session_store_conformance::{BoxError, CaseReport, Progress, Report, Suite, Verdict};

use crate::args::Check;
use crate::target::Target;

/// Runs the suite and prints what it found; answers whether the store kept the contract.
///
/// An error says why the store could not be checked.
pub(crate) async fn run(args: &Check) -> Result<bool, BoxError> {
    let target = Arc::new(Target::new(&args.url).await?);
    let report = check(args, &target).await;
    let cleaned = target.clean().await;

    let report = report?;
    print(args, &report)?;
    cleaned?;
    if report.cases().iter().all(is_ignored) {
        return Err("nothing was checked, since every case was ignored".into());
    }
    Ok(report.passed())
}

async fn check(args: &Check, target: &Arc<Target>) -> Result<Report, BoxError> {
    // A store that cannot be opened breaks no clause, so that is found out first.
    target.open("first", MaxAge::DEFAULT_SESSION).await?;
    let report = suite(args, Arc::clone(target))
        .run_with(Progress::show)
        .await;
    for beginning in &args.only {
        let beginning = beginning.to_ascii_lowercase();
        if !report
            .cases()
            .iter()
            .any(|case| case.name().starts_with(&beginning))
        {
            return Err(format!("--only: no case begins with `{beginning}`").into());
        }
    }
    Ok(report)
}

fn suite(args: &Check, target: Arc<Target>) -> Suite {
    let suite = Suite::atomic(target.name(), target.facts(), move |setup| {
        let target = Arc::clone(&target);
        async move {
            Ok(target
                .open(setup.namespace(), setup.session_max_age())
                .await?)
        }
    });
    let suite = args.only.iter().fold(suite, Suite::only);
    match args.seed {
        None => suite,
        Some(seed) => suite.seed(seed),
    }
}

fn is_ignored(case: &CaseReport) -> bool {
    matches!(case.verdict(), Verdict::Ignored(_))
}

fn print(args: &Check, report: &Report) -> Result<(), BoxError> {
    let text = report.render(args.format);
    match &args.output {
        None => io::stdout().write_all(text.as_bytes())?,
        Some(file) => fs::write(file, text)
            .map_err(|error| format!("--output {}: {error}", file.display()))?,
    }
    Ok(())
}
