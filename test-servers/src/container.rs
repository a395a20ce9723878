//! A server in a container.

use std::error::Error as StdError;
use std::sync::{Arc, LazyLock, Mutex, PoisonError, mpsc};
use std::time::Duration;
use std::{env, io};

use async_trait::async_trait;
use tempfile::TempDir;
use testcontainers::core::IntoContainerPort;
use testcontainers::core::error::Result as ClientResult;
use testcontainers::runners::AsyncRunner;
use testcontainers::{ContainerAsync, GenericImage, ImageExt};
use tokio::net::{TcpStream, UnixStream};
use tokio::runtime::{self, Runtime};
use tokio::time::{sleep, timeout};

use crate::Kind;
use crate::engine::{Ending, Engine, Launch};
use crate::port::SECOND;
use crate::reaper::Reaper;
use crate::tls::Certificates;

/// Where the data is inside, by the custom of the official images.
pub(crate) const FOLDER: &str = "/data";

/// How long an image may take to come over the network.
const PULL: Duration = Duration::from_secs(600);

/// How many seconds a server may take to end when it is asked to.
const FAREWELL: i32 = 30;

/// A server in a container. It is removed with this value, and with this process where the program
/// `docker` is at hand.
#[derive(Debug)]
pub(crate) struct Container {
    kind: Kind,
    launch: Launch,
    args: Vec<String>,
    env: Vec<(String, String)>,
    /// None until it is started for the first time.
    container: Mutex<Option<Handle>>,
    _reaper: Reaper,
    /// What is copied into it; its name is that of the container.
    folder: TempDir,
}

type Handle = Arc<ContainerAsync<GenericImage>>;

/// Whether there is an engine where its client will look for one.
pub(crate) async fn engine_answers() -> bool {
    let host = env::var("DOCKER_HOST").unwrap_or_default();
    let knock = async {
        match host.split_once("://") {
            None => UnixStream::connect("/var/run/docker.sock").await.is_ok(),
            Some(("unix", path)) => UnixStream::connect(path).await.is_ok(),
            Some((_, address)) => TcpStream::connect(address).await.is_ok(),
        }
    };
    let answer = timeout(Duration::from_secs(2), knock).await;
    answer.unwrap_or(false)
}

impl Container {
    /// A container that does not run yet.
    pub(crate) fn new(
        kind: Kind,
        launch: Launch,
        folder: TempDir,
        args: Vec<String>,
        env: Vec<(String, String)>,
    ) -> io::Result<Self> {
        let reaper = Reaper::start(folder.path(), Some(&name(&folder)))?;
        Ok(Self {
            kind,
            launch,
            args,
            env,
            container: Mutex::new(None),
            _reaper: reaper,
            folder,
        })
    }

    async fn create(&self) -> io::Result<Handle> {
        let (image, tag) = self.kind.image();
        let (first, second) = (self.launch.port, self.launch.port + SECOND);
        let mut request = GenericImage::new(image, tag)
            .with_cmd(self.args.clone())
            .with_container_name(name(&self.folder))
            .with_mapped_port(first, first.tcp())
            .with_mapped_port(second, second.tcp())
            .with_startup_timeout(PULL);
        for (name, value) in &self.env {
            request = request.with_env_var(name, value);
        }
        if let Some(inside) = &self.launch.certificates {
            let outside = Certificates::within(self.folder.path());
            let inside = inside.folder().to_string_lossy().into_owned();
            request = request.with_copy_to(inside, outside.folder().to_owned());
        }
        on_engine(async move { request.start().await.map(Arc::new) }).await
    }

    /// The container, if it was ever started.
    fn handle(&self) -> io::Result<Handle> {
        let container = self.container.lock();
        let container = container.unwrap_or_else(PoisonError::into_inner);
        let error = || io::Error::new(io::ErrorKind::NotConnected, "the server does not run");
        container.clone().ok_or_else(error)
    }
}

#[async_trait]
impl Engine for Container {
    fn launch(&self) -> Option<&Launch> {
        Some(&self.launch)
    }

    fn is_running(&self) -> bool {
        let Ok(container) = self.handle() else {
            return false;
        };
        wait_on_engine(async move { container.is_running().await }).unwrap_or(false)
    }

    async fn start(&self) -> io::Result<()> {
        if let Ok(container) = self.handle() {
            return on_engine(async move { container.start().await }).await;
        }
        let created = self.create().await?;
        let mut container = self
            .container
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *container = Some(created);
        Ok(())
    }

    async fn pause(&self) -> io::Result<()> {
        let container = self.handle()?;
        on_engine(async move {
            // On a busy machine an engine gives up before all processes have stopped.
            let mut attempts = 1..=10;
            loop {
                match unless_done(container.pause().await) {
                    Err(error) if says(&error, "unable to freeze") && attempts.next().is_some() => {
                        sleep(Duration::from_millis(50)).await;
                    }
                    done => return done,
                }
            }
        })
        .await
    }

    async fn resume(&self) -> io::Result<()> {
        let container = self.handle()?;
        on_engine(async move { unless_done(container.unpause().await) }).await
    }

    async fn end(&self, ending: Ending) -> io::Result<()> {
        let Ok(container) = self.handle() else {
            return Ok(());
        };
        let patience = match ending {
            Ending::Ask => FAREWELL,
            Ending::Kill => 0,
        };
        on_engine(async move {
            // A paused one cannot end, and one that is not paused refuses to go on.
            let _ = container.unpause().await;
            container.stop_with_timeout(Some(patience)).await
        })
        .await
    }

    fn log(&self) -> String {
        let Ok(container) = self.handle() else {
            return String::new();
        };
        let said = wait_on_engine(async move {
            let said = [
                container.stdout_to_vec().await?,
                container.stderr_to_vec().await?,
            ];
            Ok(said.concat())
        });
        String::from_utf8_lossy(&said.unwrap_or_default()).into_owned()
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        let container = self
            .container
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(container) = container.take().and_then(Arc::into_inner) {
            // If it fails, the reaper tries.
            let _ = wait_on_engine(async move { container.rm().await });
        }
    }
}

/// A process can be stopped twice, and told to go on that does; an engine takes that for an error.
fn unless_done(done: ClientResult<()>) -> ClientResult<()> {
    match done {
        Err(error) if says(&error, "already paused") || says(&error, "not paused") => Ok(()),
        done => done,
    }
}

/// Whether an error, or what caused it, has these words.
fn says(error: &(dyn StdError + 'static), words: &str) -> bool {
    error.to_string().contains(words) || error.source().is_some_and(|source| says(source, words))
}

fn name(folder: &TempDir) -> String {
    let name = folder.path().file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

/// Asks the engine on a runtime of its own: its client belongs to the runtime it was made on, and tests
/// have one each.
async fn on_engine<T: Send + 'static>(
    question: impl Future<Output = ClientResult<T>> + Send + 'static,
) -> io::Result<T> {
    let answer = runtime()?.spawn(question).await;
    answer.map_err(io::Error::other)?.map_err(io::Error::other)
}

/// The same where nothing can be awaited.
fn wait_on_engine<T: Send + 'static>(
    question: impl Future<Output = ClientResult<T>> + Send + 'static,
) -> io::Result<T> {
    let (sender, receiver) = mpsc::channel();
    runtime()?.spawn(async move { sender.send(question.await) });
    let answer = receiver.recv().map_err(io::Error::other)?;
    answer.map_err(io::Error::other)
}

fn runtime() -> io::Result<&'static Runtime> {
    static RUNTIME: LazyLock<io::Result<Runtime>> = LazyLock::new(|| {
        runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("container engine")
            .enable_all()
            .build()
    });
    let copy = |error: &io::Error| io::Error::new(error.kind(), error.to_string());
    RUNTIME.as_ref().map_err(copy)
}
