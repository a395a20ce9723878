//! A process whose clock is off.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Output, Stdio};
use std::time::{Duration, SystemTime};
use std::{env, fs, io};

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

/// Runs tests of the current test binary again, or another program, in a process whose clock is off
/// (`libfaketime`).
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
#[must_use = "it does nothing until `run` or `command`"]
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
        self.check().await?;
        let mut run = self.command(env::current_exe()?)?;
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

    /// A command that runs a program under this clock, unless the library cannot be loaded into it: then it
    /// runs under the right one, and nobody says a word.
    ///
    /// The process is that of `faketime`, which clears up when the program has ended. Killed, it leaves the
    /// program running.
    ///
    /// # Errors
    ///
    /// If there is no libfaketime here.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Result<Command, Unavailable> {
        let faketime = program::find("faketime").ok_or_else(Unavailable::no_faketime)?;
        forget_the_dead();
        let mut command = Command::new(faketime);
        command
            .args(["-m", "--exclude-monotonic", "-f", &self.offset()])
            .arg(program)
            .env(OFFSET, self.offset())
            .envs(self.env.iter().map(|(name, value)| (name, value)));
        Ok(command)
    }

    /// Makes sure that the clock is off as promised.
    async fn check(&self) -> Result<(), StartError> {
        let mut date = self.command("date")?;
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
            return Err(failed("libfaketime does not shift the clock here").into());
        }
        Ok(())
    }

    /// In the words of libfaketime: seconds with a sign.
    fn offset(&self) -> String {
        let sign = if self.ahead { '+' } else { '-' };
        format!("{sign}{}", self.by.as_millis().div_ceil(1000))
    }
}

/// Removes what `faketime` left in shared memory where it was killed: named after its process, it is in the
/// way of the next one of that number.
fn forget_the_dead() {
    for entry in fs::read_dir("/dev/shm").into_iter().flatten().flatten() {
        let name = entry.file_name();
        let process = ["faketime_shm_", "sem.faketime_sem_"]
            .iter()
            .find_map(|kind| name.to_str()?.strip_prefix(kind));
        if process.is_some_and(|process| !Path::new("/proc").join(process).exists()) {
            // Somebody else may have been first.
            let _ = fs::remove_file(entry.path());
        }
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
    command.stdin(Stdio::null()).kill_on_drop(true);
    timeout(DEADLINE, command.output())
        .await
        .unwrap_or_else(|elapsed| Err(io::Error::new(io::ErrorKind::TimedOut, elapsed)))
}

fn failed(message: &str) -> io::Error {
    io::Error::other(message.to_owned())
}
