//! `session-store check`: the suite, against the store of a URL.

use std::fs;
use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;

use session_store::{AtomicSessionStore, MaxAge, SessionKey};
use session_store_conformance::{BoxError, CaseReport, Progress, Report, Suite, Verdict};

use crate::args::Check;
use crate::target::Target;

/// Runs the suite and prints what it found; answers whether the store kept the contract.
///
/// An error says why the store could not be checked.
pub(crate) async fn run(args: &Check) -> Result<bool, BoxError> {
    let target = Arc::new(Target::new(&args.url).await?);
    // What cannot be used breaks no clause, so that is found out first.
    let report = match target.open("first").await {
        Err(error) if target.is_silent(&error) => return Err(error.into()),
        Err(error) => Err(error.into()),
        Ok(store) => check(args, &target, store).await,
    };
    let cleaned = target.clean().await;

    let report = report?;
    print(args, &report)?;
    cleaned?;
    if report.cases().iter().all(is_ignored) {
        return Err("nothing was checked, since every case was ignored".into());
    }
    Ok(report.passed())
}

async fn check(
    args: &Check,
    target: &Arc<Target>,
    store: Arc<dyn AtomicSessionStore>,
) -> Result<Report, BoxError> {
    use_once(&*store).await?;
    drop(store);
    // Opened as an application does, for names of ours stood in place of its own. Nothing is made for that.
    if target.is_there().await? {
        session_store::connect(&args.url).await?;
    }
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

/// Finds what only shows on use: a server that is read-only or full, a user without rights.
async fn use_once(store: &dyn AtomicSessionStore) -> Result<(), BoxError> {
    let key = SessionKey::new("k")?;
    let life = MaxAge::After(Duration::from_secs(60));
    store.set(&key, b"{}", life).await?;
    store.get(&key).await?;
    store.destroy(&key).await?;
    Ok(())
}

fn suite(args: &Check, target: Arc<Target>) -> Suite {
    let suite = Suite::atomic(target.name(), target.facts(), move |setup| {
        let target = Arc::clone(&target);
        async move {
            Ok(target
                .open_with(setup.namespace(), setup.session_max_age())
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
