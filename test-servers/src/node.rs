//! One server, and the power over it.

use std::io;
use std::ops::Range;
use std::path::Path;
use std::time::{Duration, Instant};

use tokio::task::spawn_blocking;
use tokio::time::{sleep, timeout};

use crate::builder::Settings;
use crate::engine::{self, Ending, Engine, External, Launch};
use crate::source::{self, Source};
use crate::tls::Certificates;
use crate::{Kind, port, process, url};

/// How long a server may take until it answers. Most take milliseconds; a loaded machine does not.
const READY: Duration = Duration::from_secs(60);

/// How long one question to a server may take.
const QUESTION: Duration = Duration::from_secs(2);

/// What a server is that does not say its version to everybody.
pub(crate) const UNKNOWN: &str = "unknown";

/// One server: where it is, and how to pause it, kill it and start it again.
///
/// Whatever has been done to it, dropping it ends the process and removes its folder.
#[derive(Debug)]
pub struct Node {
    kind: Kind,
    settings: Settings,
    url: String,
    address: String,
    version: String,
    certificates: Option<Certificates>,
    engine: Box<dyn Engine>,
}

/// Servers that belong together.
#[derive(Debug)]
pub(crate) struct Nodes {
    pub(crate) nodes: Vec<Node>,
    /// Which of them clients are told of.
    pub(crate) doors: Range<usize>,
    /// Where all of them are, if a client may be told of all at once.
    pub(crate) url: Option<String>,
}

impl Nodes {
    pub(crate) fn all_doors(nodes: Vec<Node>) -> Self {
        let doors = 0..nodes.len();
        Self {
            nodes,
            doors,
            url: None,
        }
    }
}

impl Node {
    /// A server that somebody else started.
    pub(crate) async fn external(kind: Kind, url: String) -> io::Result<Self> {
        let version = answer(kind.probe_url(&url)).await.map_err(|error| {
            let variable = kind.url_variable();
            io::Error::new(error.kind(), format!("the server of {variable}: {error}"))
        })?;
        Ok(Self {
            kind,
            settings: Settings::default(),
            address: url::address(kind, &url),
            url,
            version,
            certificates: None,
            engine: Box::new(External),
        })
    }

    /// A server of our own.
    pub(crate) async fn start_new(
        kind: Kind,
        source: &Source,
        settings: &Settings,
    ) -> io::Result<Self> {
        // Between choosing a port and opening it somebody else may take it.
        let mut attempts = 1..=10;
        loop {
            let (source, settings) = (source.clone(), settings.clone());
            let new = spawn_blocking(move || Self::new(kind, &source, &settings));
            let mut node = new.await.map_err(io::Error::other)??;
            match node.start().await {
                Ok(version) => {
                    node.version = version;
                    return Ok(node);
                }
                Err(error) if attempts.next().is_none() => return Err(error),
                Err(error) if !is_about_a_port(&error) => return Err(error),
                Err(_) => {}
            }
        }
    }

    /// A server of our own that does not run yet. Some kinds take a while to make an empty database.
    fn new(kind: Kind, source: &Source, settings: &Settings) -> io::Result<Self> {
        let folder = source::folder(kind)?;
        let authority = settings.authority.as_ref();
        let certificates = authority.map(|authority| authority.issue(folder.path()));
        let certificates = certificates.transpose()?;
        let inside = source.folder(&folder);
        let launch = Launch {
            port: port::free()?,
            certificates: certificates
                .is_some()
                .then(|| Certificates::within(&inside)),
            folder: inside,
            user: source.user(kind),
            contained: source.is_contained(),
        };
        Ok(Self {
            kind,
            settings: settings.clone(),
            url: kind.url(&launch, settings, certificates.as_ref()),
            address: format!("127.0.0.1:{}", launch.port),
            version: String::new(),
            certificates,
            engine: source.engine(kind, launch, folder, settings)?,
        })
    }

    /// Where a client finds it.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Its `host:port`, for a [`FaultProxy`](crate::FaultProxy).
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Its version, as it says itself.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Where its files and its log are, if they are on this machine.
    #[must_use]
    pub fn folder(&self) -> Option<&Path> {
        let launch = self.engine.launch()?;
        (!launch.contained).then_some(&*launch.folder)
    }

    /// Whether the methods below can do anything: not with a server that the environment names.
    #[must_use]
    pub fn has_control(&self) -> bool {
        self.engine.launch().is_some()
    }

    /// Whether it is there. A paused server is.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.engine.is_running()
    }

    /// Stops it where it stands (`SIGSTOP`): it takes connections and calls, and answers none. On return
    /// it answers no more.
    ///
    /// # Errors
    ///
    /// If it does not run or is not ours.
    pub async fn pause(&self) -> io::Result<()> {
        self.engine.pause().await
    }

    /// Lets a paused server go on; what it was asked meanwhile it answers now.
    ///
    /// # Errors
    ///
    /// If it does not run or is not ours.
    pub async fn resume(&self) -> io::Result<()> {
        self.engine.resume().await
    }

    /// Kills it (`SIGKILL`), paused or not. On return its port refuses connections.
    ///
    /// # Errors
    ///
    /// If it is not ours. Killing the dead is fine.
    pub async fn kill(&self) -> io::Result<()> {
        self.engine.end(Ending::Kill).await
    }

    /// Asks it to end, without waiting for its clients, and returns when it has.
    ///
    /// # Errors
    ///
    /// If it does not end, or is not ours.
    pub async fn stop(&self) -> io::Result<()> {
        self.engine.end(Ending::Ask).await
    }

    /// Starts it again at the same port with the same data, after stopping it if it runs. On return it
    /// answers.
    ///
    /// # Errors
    ///
    /// If it does not stop or start, or is not ours.
    pub async fn restart(&self) -> io::Result<()> {
        self.stop().await?;
        self.start().await.map(drop)
    }

    /// All that it has said, for a failing test to show.
    #[must_use]
    pub fn log(&self) -> String {
        self.engine.log()
    }

    /// Its certificates, if it speaks TLS.
    pub(crate) fn certificates(&self) -> Option<&Certificates> {
        self.certificates.as_ref()
    }

    /// What kind of server it is.
    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }

    pub(crate) fn is_contained(&self) -> bool {
        self.engine.launch().is_some_and(|launch| launch.contained)
    }

    /// What it was started with, if it is ours.
    pub(crate) fn launch(&self) -> io::Result<&Launch> {
        self.engine.launch().ok_or_else(engine::not_ours)
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Starts a server that does not run, and waits until it answers with its version.
    async fn start(&self) -> io::Result<String> {
        self.engine.start().await?;
        let began = Instant::now();
        loop {
            let answer = answer(self.kind.probe(self.launch()?, &self.settings)).await;
            // What answers is our server only if that is still there.
            let failure = match answer {
                _ if !self.is_running() => "it ended".to_owned(),
                Ok(version) => return Ok(version),
                Err(_) if began.elapsed() < READY => {
                    sleep(Duration::from_millis(5)).await;
                    continue;
                }
                Err(error) => error.to_string(),
            };
            let (kind, log) = (self.kind, process::tail(&self.log()));
            let message = format!("{kind} did not start: {failure}; it said:\n{log}");
            return Err(io::Error::other(message));
        }
    }
}

/// Whether a server could not start because somebody else was quicker at its port.
fn is_about_a_port(error: &io::Error) -> bool {
    let error = error.to_string();
    ["in use", "already allocated"]
        .iter()
        .any(|words| error.contains(words))
}

/// The answer to a question that a server may also never answer.
pub(crate) async fn answer<T>(question: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    timeout(QUESTION, question)
        .await
        .unwrap_or_else(|elapsed| Err(io::Error::new(io::ErrorKind::TimedOut, elapsed)))
}
