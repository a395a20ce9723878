//! A store in another process, where the clock or the time zone is another.
//!
//! The process is this program again. It is asked over its standard input, a line for each call, and
//! answers over its standard output.

use std::env;
use std::fmt::{self, Debug, Display};
use std::time::{Duration, SystemTime};

use session_store_api::{Error, ErrorKind, MaxAge, Result, SessionKey, SessionStore, async_trait};
use session_store_conformance::{BoxError, Skew};
use test_servers::ClockRun;
use tokio::process::Command;
use tokio::sync::Mutex;

use crate::elsewhere::line::{Answer, Question};
use crate::elsewhere::process::Process;

mod line;
mod process;
pub(crate) mod serving;

/// Tells a process that it is to serve, and from which words to open the store: a line for each.
const WORDS: &str = "SESSION_STORE_ELSEWHERE";

/// How far from what was promised a clock may be.
const TOLERANCE: Duration = Duration::from_secs(1);

/// A store in another process, which ends with this.
///
/// # Cancel safety
///
/// After a call was dropped, or was not answered within two minutes, every other fails: nobody knows whose
/// answer comes next.
pub struct Elsewhere(Mutex<Option<Process>>);

impl Elsewhere {
    /// Starts the process under this clock or in this zone, and makes sure that it is. [`main`](crate::main)
    /// opens the store there, from these words.
    ///
    /// # Errors
    ///
    /// If there is no libfaketime here or its clock is right, or if the store cannot be opened.
    pub async fn open<const N: usize>(skew: Skew, words: [&str; N]) -> Result<Self, BoxError> {
        let mut command = command(skew)?;
        command.env(WORDS, words.map(|word| format!("{word}\n")).concat());
        let elsewhere = Self(Mutex::new(Some(Process::start(command)?)));
        let asked = now();
        let shown = elsewhere.time().await?;
        let (earliest, latest) = (under(skew, asked), under(skew, now()));
        if shown + TOLERANCE < earliest || latest + TOLERANCE < shown {
            return Err(format!("the clock there shows {shown:?}, not {latest:?}").into());
        }
        Ok(elsewhere)
    }

    async fn time(&self) -> Result<Duration, BoxError> {
        let millis = self.ask(Question::Time).await?.unwrap_or_default();
        Ok(Duration::from_millis(str::from_utf8(&millis)?.parse()?))
    }

    async fn ask(&self, question: Question) -> Result<Option<Vec<u8>>> {
        let mut place = self.0.lock().await;
        // Away while it is asked: an answer that its caller did not wait for is for nobody else.
        let taken = place.take().ok_or("a call before this was given up");
        let mut process = taken.map_err(lost)?;
        let Answer(answer) = process.ask(&question).await.map_err(lost)?;
        *place = Some(process);
        answer.map_err(|said| Error::new(ErrorKind::Other, "elsewhere", said))
    }
}

#[async_trait]
impl SessionStore for Elsewhere {
    async fn get(&self, key: &SessionKey) -> Result<Option<Vec<u8>>> {
        self.ask(Question::Get(key.clone())).await
    }

    async fn set(&self, key: &SessionKey, value: &[u8], max_age: MaxAge) -> Result<()> {
        let question = Question::Set(key.clone(), value.to_owned(), max_age);
        self.ask(question).await.map(drop)
    }

    async fn destroy(&self, key: &SessionKey) -> Result<()> {
        self.ask(Question::Destroy(key.clone())).await.map(drop)
    }
}

impl Debug for Elsewhere {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Elsewhere").finish_non_exhaustive()
    }
}

/// This program, under this clock or in this zone.
fn command(skew: Skew) -> Result<Command, BoxError> {
    let here = env::current_exe()?;
    match skew {
        Skew::Ahead(by) => Ok(ClockRun::ahead(by).command(here)?),
        Skew::Behind(by) => Ok(ClockRun::behind(by).command(here)?),
        Skew::Zone(east) => {
            let mut command = Command::new(here);
            // The sign that POSIX gives a zone is that of the way back to UTC.
            command.env("TZ", format!("HERE{:+}", -i16::from(east)));
            Ok(command)
        }
        other => Err(format!("no process can be started under {other:?}").into()),
    }
}

/// What such a clock shows when a right one shows this.
fn under(skew: Skew, time: Duration) -> Duration {
    match skew {
        Skew::Ahead(by) => time + by,
        Skew::Behind(by) => time.saturating_sub(by),
        _ => time,
    }
}

/// The time since 1970, by the clock of this process.
fn now() -> Duration {
    SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default()
}

fn lost(cause: impl Display) -> Error {
    Error::new(ErrorKind::Unavailable, "elsewhere", cause.to_string())
}
