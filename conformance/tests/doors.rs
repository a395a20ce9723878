//! The ways into the suite: `cargo test`, and a program. For the first this file runs itself again, as
//! the test file of a store.
#![allow(clippy::unwrap_used, reason = "a test panics on the unexpected")]

use std::env;
use std::future::{Future, pending};
use std::process::{Command, ExitCode, Output};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use libtest_mimic::{Arguments, Trial};
use session_store_api::{MaxAge, Result, SessionKey, SessionStore, async_trait};
use session_store_conformance::{Facts, Format, Model, Report, Suite, Verdict};

const CASE: &str = "c01_missing_is_none";

/// The model as a store; a haunted one finds something under every key.
#[derive(Debug)]
struct ModelStore {
    model: Mutex<Model>,
    began: Instant,
    haunted: bool,
}

impl ModelStore {
    fn new(haunted: bool) -> Self {
        Self {
            model: Mutex::default(),
            began: Instant::now(),
            haunted,
        }
    }
}

#[async_trait]
impl SessionStore for ModelStore {
    async fn get(&self, key: &SessionKey) -> Result<Option<Vec<u8>>> {
        let model = self.model.lock().unwrap();
        let value = model.get(self.began.elapsed(), key).map(<[u8]>::to_vec);
        Ok(value.or_else(|| self.haunted.then(|| b"boo".to_vec())))
    }

    async fn set(&self, key: &SessionKey, value: &[u8], max_age: MaxAge) -> Result<()> {
        let mut model = self.model.lock().unwrap();
        model.set(self.began.elapsed(), key, value, max_age);
        Ok(())
    }

    async fn destroy(&self, key: &SessionKey) -> Result<()> {
        self.model.lock().unwrap().destroy(key);
        Ok(())
    }
}

fn good() -> Suite {
    let open = |_| async { Ok(ModelStore::new(false)) };
    Suite::new("good", Facts::new(), open)
}

fn bad() -> Suite {
    let open = |_| async { Ok(ModelStore::new(true)) };
    Suite::new("bad", Facts::new(), open)
}

fn absent() -> Suite {
    good().unavailable("start a server")
}

fn main() -> ExitCode {
    match env::var("STORE_UNDER_TEST").as_deref() {
        Ok("good") => return session_store_conformance::main([good()]),
        Ok("bad") => return session_store_conformance::main([bad()]),
        Ok("absent") => return session_store_conformance::main([absent()]),
        _ => {}
    }
    let tests: [(&str, fn()); 11] = [
        ("cargo_test::lists_the_cases", lists_the_cases),
        ("cargo_test::runs_one_case", runs_one_case),
        ("cargo_test::says_why_it_fails", says_why_it_fails),
        ("cargo_test::says_what_is_ignored", says_what_is_ignored),
        ("cargo_test::requires_on_request", requires_on_request),
        ("program::reports", reports),
        ("program::tells_progress", tells_progress),
        ("program::repeats_a_seed", repeats_a_seed),
        ("program::ends_what_hangs", ends_what_hangs),
        ("program::contains_panics", contains_panics),
        ("program::proves_nothing_without_a_store", proves_nothing),
    ];
    let trials = tests.map(|(name, test)| {
        Trial::test(name, move || {
            test();
            Ok(())
        })
    });
    libtest_mimic::run(&Arguments::from_args(), trials.into()).exit_code()
}

fn lists_the_cases() {
    let listed = cargo_test("good", &["--list"], &[]);
    assert!(text(&listed).contains(&format!("good::{CASE}: test\n")));
    // Known before anything runs, so that nextest counts it as skipped.
    let ignored = text(&cargo_test("good", &["--list", "--ignored"], &[]));
    assert!(ignored.contains("good::a01_"), "{ignored}");
    assert!(!ignored.contains(CASE), "{ignored}");
}

fn runs_one_case() {
    let name = format!("good::{CASE}");
    let run = cargo_test("good", &["--exact", &name], &[]);
    assert!(run.status.success());
    assert!(text(&run).contains("1 passed; 0 failed; 0 ignored"));
}

fn says_why_it_fails() {
    let name = format!("bad::{CASE}");
    let run = cargo_test("bad", &["--exact", &name], &[("SESSION_STORE_SEED", "7")]);
    assert_eq!(run.status.code(), Some(101));
    let hint = "C01: a key never set reads as None; repeat with SESSION_STORE_SEED=7\n";
    assert!(text(&run).contains(hint), "{}", text(&run));
}

fn says_what_is_ignored() {
    let run = cargo_test("absent", &[], &[]);
    assert!(run.status.success());
    assert!(text(&run).contains(" 0 passed; 0 failed; "));
    assert!(has_line(&run, "good::c01_", "ignored (start a server)"));
    assert!(has_line(
        &run,
        "good::a01_",
        "ignored (not an atomic store)"
    ));
    let listed = cargo_test("absent", &["--list", "--ignored"], &[]);
    assert!(text(&listed).contains(CASE));
}

fn requires_on_request() {
    let run = cargo_test("absent", &[], &[("SESSION_STORE_REQUIRE", "1")]);
    assert_eq!(run.status.code(), Some(101));
    assert!(has_line(&run, "good::c01_", "FAILED"));
    assert!(text(&run).contains("start a server"));
    // What does not apply to the store is not asked of it.
    assert!(has_line(
        &run,
        "good::a01_",
        "ignored (not an atomic store)"
    ));
}

fn reports() {
    let report = run(&good().only(CASE));
    assert_eq!(report.cases().len(), 1);
    assert_eq!(report.cases()[0].clause(), "C01");
    assert!(report.passed());
    let chosen = run(&good().only("C01").only("a0"));
    let chosen = chosen.cases().iter().map(|case| &case.name()[..3]);
    assert!(chosen.clone().any(|clause| clause == "c01"));
    assert!(chosen.clone().any(|clause| clause == "a01"));
    assert!(
        chosen
            .clone()
            .all(|clause| clause == "c01" || clause.starts_with('a'))
    );
    assert!(!run(&bad().only(CASE)).passed());
}

fn tells_progress() {
    let (mut told, suite) = (Vec::new(), bad().only("c01").only("a01"));
    let report = block_on(suite.run_with(|now| told.push((now.done, now.total, now.failed))));
    let total = report.cases().len();
    let done: Vec<usize> = told.iter().map(|(done, ..)| *done).collect();
    assert!(done.into_iter().eq(1..=total));
    let failed = report
        .cases()
        .iter()
        .filter(|case| reason(case.verdict()).is_some());
    assert_eq!(told.last(), Some(&(total, total, failed.count())));
}

fn repeats_a_seed() {
    let report = run(&good().only(CASE).seed(7));
    assert_eq!(report.seed(), 7);
    for format in [Format::Text, Format::Json, Format::JUnit, Format::Markdown] {
        assert!(report.render(format).contains('7'));
    }
}

fn ends_what_hangs() {
    let open = |_| pending::<std::result::Result<ModelStore, _>>();
    let suite = Suite::new("hung", Facts::new(), open).deadline(Duration::from_millis(1));
    let report = run(&suite.only(CASE));
    let seen = reason(report.cases()[0].verdict());
    assert_eq!(seen, Some("came to no end within 1ms"));
}

fn contains_panics() {
    let open = |_| async { panic!("no such store") };
    let suite = Suite::new::<ModelStore, _, _>("panics", Facts::new(), open);
    let report = run(&suite.only(CASE));
    let seen = reason(report.cases()[0].verdict());
    assert_eq!(seen, Some("panicked: no such store"));
}

fn proves_nothing() {
    let report = run(&absent());
    assert!(!report.passed());
    assert!(report.to_string().contains(": 0 passed, "));
    let nothing = run(&good().only("no such case"));
    assert!(nothing.cases().is_empty() && !nothing.passed());
}

/// Runs this file as the test file of a store.
fn cargo_test(store: &str, arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(arguments).env("STORE_UNDER_TEST", store);
    command.env_remove("SESSION_STORE_REQUIRE");
    command.envs(variables.iter().copied()).output().unwrap()
}

fn text(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn has_line(output: &Output, part: &str, end: &str) -> bool {
    let (text, part) = (text(output), format!("test {part}"));
    text.lines()
        .any(|line| line.starts_with(&part) && line.ends_with(end))
}

fn run(suite: &Suite) -> Report {
    block_on(suite.run())
}

fn block_on<T>(future: impl Future<Output = T> + Send) -> T {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_all().build().unwrap().block_on(future)
}

fn reason(verdict: &Verdict) -> Option<&str> {
    match verdict {
        Verdict::Failed(reason) => Some(reason),
        _ => None,
    }
}
