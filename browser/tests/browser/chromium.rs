//! Chromium, and the driver that steers it.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::{env, io};

use fantoccini::ClientBuilder;
use fantoccini::wd::Capabilities;
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};

use crate::browser::Browser;
use crate::process::Process;

/// ChromeDriver, from which tests have their browsers. These end with it.
pub(crate) struct Chromium {
    driver: Process,
    port: u16,
    program: PathBuf,
}

/// Chromium for tests: nothing that needs a screen, a graphics card or a network. As root and in
/// containers its own sandbox does not work.
const ARGS: &[&str] = &[
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-features=HttpsUpgrades",
    "--no-first-run",
    "--window-size=1000,800",
    "--host-resolver-rules=MAP *.test 127.0.0.1", // every name of this kind is this machine
];

impl Chromium {
    /// Starts the driver; where there is none, or no Chromium, says how to get it.
    pub(crate) async fn start() -> Result<Self, String> {
        let missing = |name| {
            format!(
                "no {name}: run `cargo xtask test --only browser`, or install Debian's chromium-driver"
            )
        };
        let program = find("chromium").ok_or_else(|| missing("chromium"))?;
        let driver = find("chromedriver").ok_or_else(|| missing("chromedriver"))?;
        let driver = Process::start(&driver, &["--port=0"]);
        let port = driver.said("ChromeDriver was started successfully on port ");
        let port = port.await.trim_end_matches('.').parse().unwrap();
        Ok(Self {
            driver,
            port,
            program,
        })
    }

    /// A browser that keeps what it keeps under this name: a new one if the name is.
    pub(crate) async fn browser(&self, profile: &str) -> Browser {
        let folder = self.folder().join("profiles").join(profile);
        let folder = format!("--user-data-dir={}", folder.display());
        let args: Vec<_> = ARGS.iter().copied().chain([&*folder]).collect();
        // Frames of other sites have their cookies: what these forbid is to be seen, not what a setting does.
        let prefs = json!({ "profile": { "cookie_controls_mode": 0 } });
        let Value::Object(capabilities) = json!({
            "goog:chromeOptions": { "binary": self.program, "args": args, "prefs": prefs },
            "timeouts": { "pageLoad": 120_000, "script": 60_000 },
        }) else {
            unreachable!("it is written as an object");
        };
        let client = ClientBuilder::new(HttpConnector::new())
            .capabilities(capabilities)
            .connect(&format!("http://127.0.0.1:{}", self.port))
            .await
            .unwrap();
        report(client.capabilities().unwrap()).unwrap();
        Browser::new(client, profile)
    }

    /// Where the driver and its browsers are at home.
    pub(crate) fn folder(&self) -> &Path {
        self.driver.folder()
    }
}

/// Tells whoever runs the tests, if they want to know, which browser they had.
fn report(capabilities: &Capabilities) -> io::Result<()> {
    let Some(path) = env::var_os("SESSION_STORE_REPORT").filter(|path| !path.is_empty()) else {
        return Ok(());
    };
    let version = capabilities["browserVersion"].as_str().unwrap_or("?");
    // In one go: others write too.
    let mut file = File::options().create(true).append(true).open(path)?;
    file.write_all(format!("chromium {version}\n").as_bytes())
}

/// A program of this name on the path.
fn find(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .map(|folder| folder.join(name))
        .find(|program| program.is_file())
}
