//! The quickstart, as its users start it.

use std::path::Path;

use crate::browser::Browser;
use crate::process::Process;

/// A running quickstart.
pub(crate) struct Quickstart {
    process: Process,
    /// Its address, such as `http://127.0.0.1:1234/`.
    pub(crate) url: String,
}

impl Quickstart {
    pub(crate) async fn start() -> Self {
        let program = Path::new(env!("CARGO_BIN_EXE_browser-quickstart"));
        let process = Process::start(program, &["--port", "0", "--store", "sqlite:sessions.db"]);
        let line = process.said("quickstart: ").await;
        let (origin, _) = line.split_once(' ').unwrap();
        let url = format!("{origin}/");
        Self { process, url }
    }

    /// Where it keeps its sessions.
    pub(crate) fn folder(&self) -> &Path {
        self.process.folder()
    }

    /// Opens the page and logs in.
    pub(crate) async fn login(&self, browser: &Browser, name: &str) {
        browser.open(&self.url).await;
        browser.write("#name", name).await;
        browser.follow("form[action='/login'] button").await;
        assert_eq!(browser.text("h2#account").await, format!("Hello, {name}"));
    }
}
