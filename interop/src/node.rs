//! Node servers.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::{fmt, io};

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// A Node process, ended when dropped.
#[derive(Debug)]
pub struct Node {
    _process: Child,
    ports: BTreeMap<String, u16>,
}

/// How one Node application is set up.
#[derive(Clone, Debug)]
pub struct Setting(Value);

impl Setting {
    /// An application with these keys and these options of its session plugin.
    #[must_use]
    pub fn new(keys: &[&str], options: &Value) -> Self {
        Self(json!({ "keys": keys, "options": options }))
    }

    /// Keeps its sessions in the Redis at `url`.
    #[must_use]
    pub fn store(mut self, url: &str, prefix: &str) -> Self {
        self.0["store"] = json!({ "redis": url, "prefix": prefix });
        self
    }

    /// With [`bound`](crate::bound)'s hooks: koa's `valid` and `beforeSave`.
    #[must_use]
    pub fn bound(mut self) -> Self {
        self.0["bound"] = true.into();
        self
    }

    /// With ids [`in_header`](crate::in_header): koa's `externalKey`.
    #[must_use]
    pub fn in_header(mut self) -> Self {
        self.0["inHeader"] = true.into();
        self
    }

    /// With cookies [`in_hex`](crate::in_hex): koa's `encode` and `decode`.
    #[must_use]
    pub fn in_hex(mut self) -> Self {
        self.0["inHex"] = true.into();
        self
    }
}

/// Why there is no Node server.
#[derive(Debug)]
#[non_exhaustive]
pub enum NodeError {
    /// Node or its packages are not on this machine.
    Unavailable(String),
    /// They are, and it did not start.
    Failed(io::Error),
}

impl Node {
    /// koa applications by name, in one process.
    ///
    /// # Errors
    ///
    /// [`NodeError`].
    pub async fn koa(settings: &BTreeMap<&str, Setting>) -> Result<Self, NodeError> {
        Self::start("koa", &["koa/server.mjs", &text(settings)]).await
    }

    /// egg applications by name, in one process, of the version in `folder`.
    ///
    /// # Errors
    ///
    /// [`NodeError`].
    pub async fn egg(folder: &str, settings: &BTreeMap<&str, Setting>) -> Result<Self, NodeError> {
        Self::start(folder, &["egg.cjs", folder, &text(settings)]).await
    }

    /// Where the application called `name` is.
    #[must_use]
    pub fn port(&self, name: &str) -> u16 {
        self.ports.get(name).copied().unwrap_or_default()
    }

    async fn start(packages: &str, args: &[&str]) -> Result<Self, NodeError> {
        let home = home();
        if !home.join(packages).join("node_modules").is_dir() {
            let hint = format!("run `npm ci --prefix interop/node/{packages} --ignore-scripts`");
            return Err(NodeError::Unavailable(hint));
        }
        let mut command = Command::new("node");
        command
            .args(args)
            .current_dir(home)
            .env("NO_DEPRECATION", "*") // egg 3 tells its own users
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true);
        let mut process = command.spawn().map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => NodeError::Unavailable("install `node`".to_owned()),
            _ => NodeError::Failed(error),
        })?;
        let ports = ports(&mut process).await.map_err(NodeError::Failed)?;
        Ok(Self {
            _process: process,
            ports,
        })
    }
}

impl fmt::Display for NodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unavailable(hint) => write!(f, "no Node server: {hint}"),
            Self::Failed(_) => f.write_str("the Node server did not start"),
        }
    }
}

impl Error for NodeError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Unavailable(_) => None,
            Self::Failed(error) => Some(error),
        }
    }
}

fn text(settings: &BTreeMap<&str, Setting>) -> String {
    let settings = settings
        .iter()
        .map(|(name, setting)| ((*name).to_owned(), setting.0.clone()));
    Value::Object(settings.collect()).to_string()
}

/// The line that says where the applications are. A framework may say other things before.
async fn ports(process: &mut Child) -> io::Result<BTreeMap<String, u16>> {
    let ended = || io::Error::new(io::ErrorKind::UnexpectedEof, "it ended before it was ready");
    let stdout = process.stdout.take().ok_or_else(ended)?;
    let mut lines = BufReader::new(stdout).lines();
    while let Some(line) = lines.next_line().await? {
        if let Ok(ports) = serde_json::from_str(&line) {
            return Ok(ports);
        }
    }
    Err(ended())
}

fn home() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("node")
}
