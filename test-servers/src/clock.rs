//! A process whose clock is off.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Output, Stdio};
use std::time::{Duration, SystemTime};
use std::{env, io};

use tokio::process::Command;
use tokio::time::timeout;

use crate::error::{StartError, Unavailable};
use crate::process::tail;
use crate::program;

/// Tells a process that it is the run.
const OFFSET: &str = "SESSION_STORE_CLOCK";

/// How long a run may take.
const DEADLINE: Duration = Duration::from_secs(600);

/// How far from the promised time a clock may be: what a busy machine takes to start a program.
const TOLERANCE: Duration = Duration::from_secs(30);

/// Runs tests of the current test binary again, in a process whose clock is off (`libfaketime`).
///
/// Only the time of day is shifted. Timers run on the monotonic clock, which is right, and so are the
/// clocks of the servers that the run starts.
///
/// ```no_run
/// # use std::time::Duration;
/// # use test_servers::{ClockRun, StartError};
/// # async fn test() -> Result<(), StartError> {
/// let minutes = Duration::from_secs(300);
/// for run in [ClockRun::ahead(minutes), ClockRun::behind(minutes)] {
///     run.env("SESSION_STORE_REDIS_URL", "redis://127.0.0.1").run("c06").await?;
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use = "it does nothing until `run`"]
pub struct ClockRun {
    by: Duration,
    ahead: bool,
    env: Vec<(String, String)>,
}

impl ClockRun {
    /// A clock that shows what it will be this much later.
    pub fn ahead(by: Duration) -> Self {
        Self {
            by,
            ahead: true,
            env: Vec::new(),
        }
    }

    /// A clock that shows what it was this much earlier.
    pub fn behind(by: Duration) -> Self {
        Self {
            ahead: false,
            ..Self::ahead(by)
        }
    }

    /// A variable in the environment of the run, for instance one with the URL of a server.
    pub fn env(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.env.push((name.into(), value.into()));
        self
    }

    /// Whether this process is such a run.
    #[must_use]
    pub fn is_this() -> bool {
        env::var_os(OFFSET).is_some()
    }

    /// Runs the tests that this filter chooses, as `cargo test` takes it.
    ///
    /// # Errors
    ///
    /// [`StartError::Unavailable`] if there is no libfaketime here. [`StartError::Failed`], with what
    /// the run said, if a test failed, if there was none, or if the clock was right.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future abandons the run.
    pub async fn run(self, filter: &str) -> Result<(), StartError> {
        if Self::is_this() {
            return Err(failed("a run does not run itself again").into());
        }
        let program = program::find("faketime").ok_or_else(Unavailable::no_faketime)?;
        self.check(&program).await?;
        let mut run = self.command(&program, env::current_exe()?);
        let output = output(run.args([filter, "--nocapture"])).await?;
        let said =
            [output.stdout, output.stderr].map(|said| String::from_utf8_lossy(&said).into_owned());
        if output.status.success() && passed(&said[0]) > 0 {
            return Ok(());
        }
        let status = output.status;
        let message = format!(
            "run {}: {status}; it said:\n{}",
            self.offset(),
            tail(&said.concat())
        );
        Err(failed(&message).into())
    }

    /// Makes sure that the clock is off as promised: where the library cannot be loaded, programs run
    /// with the right one and nobody says a word.
    async fn check(&self, faketime: &Path) -> io::Result<()> {
        let mut date = self.command(faketime, "date");
        let said = output(date.arg("+%s")).await?.stdout;
        let shown = String::from_utf8_lossy(&said).trim().parse();
        let shown = SystemTime::UNIX_EPOCH + Duration::from_secs(shown.unwrap_or(0));
        let expected = if self.ahead {
            SystemTime::now().checked_add(self.by)
        } else {
            SystemTime::now().checked_sub(self.by)
        };
        let expected = expected.ok_or_else(|| failed("no clock goes that far"))?;
        let off = expected
            .duration_since(shown)
            .unwrap_or_else(|early| early.duration());
        if off > TOLERANCE {
            return Err(failed("libfaketime does not shift the clock here"));
        }
        Ok(())
    }

    fn command(&self, faketime: &Path, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(faketime);
        command
            .args(["-m", "--exclude-monotonic", "-f", &self.offset()])
            .arg(program.as_ref())
            .env(OFFSET, self.offset())
            .envs(self.env.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .kill_on_drop(true);
        command
    }

    /// In the words of libfaketime: seconds with a sign.
    fn offset(&self) -> String {
        let sign = if self.ahead { '+' } else { '-' };
        format!("{sign}{}", self.by.as_millis().div_ceil(1000))
    }
}

/// How many tests passed.
fn passed(said: &str) -> u32 {
    let counts = said.lines().filter_map(|line| {
        let (_, counts) = line.strip_prefix("test result: ")?.split_once(". ")?;
        counts.split_once(" passed")?.0.parse::<u32>().ok()
    });
    counts.sum()
}

async fn output(command: &mut Command) -> io::Result<Output> {
    timeout(DEADLINE, command.output())
        .await
        .unwrap_or_else(|elapsed| Err(io::Error::new(io::ErrorKind::TimedOut, elapsed)))
}

fn failed(message: &str) -> io::Error {
    io::Error::other(message.to_owned())
}
