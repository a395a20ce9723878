//! A store in another process, where the clock or the time zone is another.
//!
//! The process is this program again. It is asked over its standard input, a line for each call, and
//! answers over its standard output.

use std::process::{ExitCode, Stdio};
use std::time::{Duration, SystemTime};
use std::{env, fmt, io};

use session_store_api::{Error, ErrorKind, MaxAge, Result, SessionKey, SessionStore, async_trait};
use session_store_conformance::{BoxError, Skew};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::Mutex;

/// Tells a process to serve the store of this URL.
const URL: &str = "SESSION_STORE_ELSEWHERE";

/// How far from what was promised a clock may be: what a busy machine takes to start a program.
const TOLERANCE: Duration = Duration::from_secs(60);

/// The URL of the store that this process is to serve, if it is such a process.
pub(crate) fn asked_for() -> Option<String> {
    env::var(URL).ok()
}

/// Says what time it is, and then serves a store until nobody asks any more.
pub(crate) async fn serve(store: &dyn SessionStore) -> ExitCode {
    println!("{}", now().as_millis());
    let mut question = String::new();
    while io::stdin().read_line(&mut question).unwrap() > 0 {
        match answer(store, question.trim_end()).await {
            Ok(None) => println!("none"),
            Ok(Some(value)) => println!("some {}", hex(&value)),
            Err(error) => println!("error {error}"),
        }
        question.clear();
    }
    ExitCode::SUCCESS
}

async fn answer(store: &dyn SessionStore, question: &str) -> Result<Option<Vec<u8>>, BoxError> {
    match question.split(' ').collect::<Vec<_>>()[..] {
        ["get", key] => Ok(store.get(&key.parse()?).await?),
        ["set", key, nanos, value] => {
            let max_age = Duration::from_nanos(nanos.parse()?);
            store
                .set(&key.parse()?, &bytes(value)?, max_age.into())
                .await?;
            Ok(None)
        }
        ["destroy", key] => {
            store.destroy(&key.parse()?).await?;
            Ok(None)
        }
        _ => Err("no such question".into()),
    }
}

/// The store in the other process, which ends with this.
pub(crate) struct Elsewhere(Mutex<Process>);

struct Process {
    _child: Child,
    questions: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
}

impl Elsewhere {
    /// Starts a process under this clock or zone, and makes sure that it is.
    pub(crate) async fn open(url: &str, skew: Skew) -> Result<Self, BoxError> {
        let here = env::current_exe()?;
        let faketime = |sign, by: Duration| {
            let offset = format!("{sign}{}", by.as_millis() / 1000);
            let mut command = Command::new("faketime");
            let words = ["-m", "--exclude-monotonic", "-f", &offset];
            command.args(words).arg(&here);
            command
        };
        let (mut command, expected) = match skew {
            Skew::Ahead(by) => (faketime('+', by), now() + by),
            Skew::Behind(by) => (faketime('-', by), now() - by),
            Skew::Zone(east) => {
                let mut command = Command::new(&here);
                // POSIX counts the hours from there to UTC.
                command.env("TZ", format!("ZONE{:+}", -east));
                (command, now())
            }
            other => return Err(format!("{other:?} is new").into()),
        };
        let mut child = command
            .env(URL, url)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let mut process = Process {
            questions: child.stdin.take().ok_or("no pipe")?,
            answers: BufReader::new(child.stdout.take().ok_or("no pipe")?).lines(),
            _child: child,
        };
        let shown = Duration::from_millis(process.line().await?.parse()?);
        if shown.abs_diff(expected) > TOLERANCE {
            return Err(format!("the clock there shows {shown:?}, not {expected:?}").into());
        }
        Ok(Self(Mutex::new(process)))
    }

    async fn ask(&self, question: String) -> Result<Option<Vec<u8>>> {
        let answer = self.0.lock().await.ask(&question).await;
        answer.map_err(|error| Error::new(ErrorKind::Other, "elsewhere", error.to_string()))
    }
}

impl Process {
    async fn ask(&mut self, question: &str) -> Result<Option<Vec<u8>>, BoxError> {
        self.questions
            .write_all(format!("{question}\n").as_bytes())
            .await?;
        let line = self.line().await?;
        match line.split_once(' ') {
            Some(("some", value)) => Ok(Some(bytes(value)?)),
            None if line == "none" => Ok(None),
            _ => Err(line.into()),
        }
    }

    async fn line(&mut self) -> Result<String, BoxError> {
        let line = self.answers.next_line().await?;
        Ok(line.ok_or("the process has ended")?)
    }
}

#[async_trait]
impl SessionStore for Elsewhere {
    async fn get(&self, key: &SessionKey) -> Result<Option<Vec<u8>>> {
        self.ask(format!("get {}", key.as_str())).await
    }

    async fn set(&self, key: &SessionKey, value: &[u8], max_age: MaxAge) -> Result<()> {
        let nanos = max_age.to_duration(MaxAge::DEFAULT_SESSION).as_nanos();
        let question = format!("set {} {nanos} {}", key.as_str(), hex(value));
        self.ask(question).await.map(drop)
    }

    async fn destroy(&self, key: &SessionKey) -> Result<()> {
        self.ask(format!("destroy {}", key.as_str()))
            .await
            .map(drop)
    }
}

impl fmt::Debug for Elsewhere {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Elsewhere").finish_non_exhaustive()
    }
}

fn now() -> Duration {
    SystemTime::UNIX_EPOCH.elapsed().unwrap()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn bytes(hex: &str) -> Result<Vec<u8>, BoxError> {
    let pairs = hex.as_bytes().chunks(2).map(std::str::from_utf8);
    pairs
        .map(|pair| Ok(u8::from_str_radix(pair?, 16)?))
        .collect()
}
