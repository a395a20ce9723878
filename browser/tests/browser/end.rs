//! What the tests leave behind when they end, however they end: nothing.

use std::env;
use std::fs;
use std::future::pending;
use std::path::{Path, PathBuf};
use std::process::{ExitCode, Stdio};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;
use tokio::time::{sleep, timeout};

use crate::chromium::Chromium;
use crate::quickstart::Quickstart;

/// Tells a process that it is the child of a test.
const CHILD: &str = "BROWSER_CHILD";

pub(crate) fn is_child() -> bool {
    env::var_os(CHILD).is_some()
}

/// A test that never ends.
pub(crate) async fn child() -> ExitCode {
    let chromium = Chromium::start().await.unwrap();
    let quickstart = Quickstart::start().await;
    let browser = chromium.browser("child").await;
    browser.open(&quickstart.url).await;
    println!("{}", chromium.folder().display());
    println!("{}", quickstart.folder().display());
    pending().await
}

pub(crate) async fn killed() {
    let mut child = Command::new(env::current_exe().unwrap())
        .env(CHILD, "1")
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut folders = Vec::new();
    for _ in 0..2 {
        folders.push(PathBuf::from(lines.next_line().await.unwrap().unwrap()));
    }
    let [chromium, quickstart] = &folders[..] else {
        unreachable!("there are two");
    };
    assert!(processes(chromium).len() > 2, "a driver and its browser");
    assert!(!processes(quickstart).is_empty());
    child.kill().await.unwrap();
    vanish(chromium).await;
    vanish(quickstart).await;
}

pub(crate) async fn dropped() {
    let chromium = Chromium::start().await.unwrap();
    let browser = chromium.browser("dropped").await;
    browser.open("about:blank").await;
    let folder = chromium.folder().to_owned();
    assert!(processes(&folder).len() > 2, "a driver and its browser");
    drop(chromium);
    vanish(&folder).await;
}

async fn vanish(folder: &Path) {
    let gone = async {
        while folder.exists() || !processes(folder).is_empty() {
            sleep(Duration::from_millis(10)).await;
        }
    };
    let gone = timeout(Duration::from_secs(60), gone).await;
    assert!(gone.is_ok(), "left behind: {:?}", processes(folder));
}

/// The processes that are at home in a folder: their environment says so.
fn processes(folder: &Path) -> Vec<PathBuf> {
    let home = format!("HOME={}\0", folder.display()).into_bytes();
    let is_at_home = |process: &PathBuf| {
        let environment = fs::read(process.join("environ")).unwrap_or_default();
        environment.windows(home.len()).any(|part| part == home)
    };
    let processes = fs::read_dir("/proc").unwrap().flatten();
    processes
        .map(|entry| entry.path())
        .filter(is_at_home)
        .collect()
}
