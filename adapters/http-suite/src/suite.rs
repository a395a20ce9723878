//! The suite as the `main` of a test file.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::process::ExitCode;
use std::sync::Arc;

use libtest_mimic::{Arguments, Completion, Failed, Trial};
use tokio::runtime::{Builder, Runtime};

use crate::cases::{self, Case};
use crate::ground::{Ground, Obstacle};
use crate::site::Site;

pub(crate) type Serve =
    Arc<dyn Fn(Site) -> Pin<Box<dyn Future<Output = SocketAddr> + Send>> + Send + Sync>;

/// The `main` of an adapter's test file: tries the app that `serve` starts, and whose address it answers,
/// over each store.
///
/// Takes the arguments of the standard test harness. Without a Redis the cases over it are ignored, or fail
/// if `SESSION_STORE_REQUIRE` is `1`.
pub fn main<F, Fut>(middleware: &str, serve: F) -> ExitCode
where
    F: Fn(Site) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = SocketAddr> + Send + 'static,
{
    main_except(middleware, &[], serve)
}

/// The same for a middleware which, whatever its store does, cannot pass some cases: each by name, and why.
/// They are ignored with that reason.
///
/// # Panics
///
/// If there is no case of such a name.
pub fn main_except<F, Fut>(
    middleware: &str,
    cannot: &[(&'static str, &'static str)],
    serve: F,
) -> ExitCode
where
    F: Fn(Site) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = SocketAddr> + Send + 'static,
{
    for (name, _) in cannot {
        let known = cases::ALL.iter().any(|case| case.name == *name);
        assert!(known, "there is no case `{name}`");
    }
    let mut arguments = Arguments::from_args();
    let runtime = match Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => Arc::new(runtime),
        Err(error) => {
            eprintln!("error: no runtime for the tests: {error}");
            return ExitCode::FAILURE;
        }
    };
    let serve: Serve = Arc::new(move |site| Box::pin(serve(site)));
    let grounds = [Ground::Memory, Ground::Redis(Arc::default())];
    let trials: Vec<Trial> = grounds
        .iter()
        .flat_map(|ground| {
            let (runtime, serve) = (&runtime, &serve);
            cases::ALL.iter().map(move |case| {
                let name = format!("{middleware}::{}::{}", ground.name(), case.name);
                let name = name.replace(' ', "_");
                let exception = cannot.iter().find(|(name, _)| *name == case.name);
                if let Some((_, reason)) = exception {
                    let reason = format!("{middleware}: {reason}");
                    return Trial::ignorable_test(name, || Ok(Completion::ignored_with(reason)));
                }
                let (ground, serve) = (ground.clone(), Arc::clone(serve));
                trial(name, case, ground, serve, Arc::clone(runtime))
            })
        })
        .collect();
    // They wait most of the time.
    arguments.test_threads.get_or_insert(trials.len());
    let conclusion = libtest_mimic::run(&arguments, trials);
    let inside = runtime.enter();
    drop(grounds);
    drop(inside);
    conclusion.exit_code()
}

fn trial(
    name: String,
    case: &'static Case,
    ground: Ground,
    serve: Serve,
    runtime: Arc<Runtime>,
) -> Trial {
    Trial::ignorable_test(name, move || {
        match (case.run)(&cases::Stage::new(ground, serve, &runtime)) {
            Ok(()) => Ok(Completion::Completed),
            Err(Obstacle::Failed(error)) => Err(Failed::from(error.to_string())),
            Err(Obstacle::Absent(reason)) if is_required() && !case.breaks => Err(reason.into()),
            Err(Obstacle::Absent(reason)) => Ok(Completion::ignored_with(reason)),
        }
    })
}

fn is_required() -> bool {
    std::env::var_os("SESSION_STORE_REQUIRE").is_some_and(|value| value == "1")
}
