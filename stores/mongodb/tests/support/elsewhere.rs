//! A store in another process, where the clock or the time zone is another.
//!
//! The process is this test binary again. It is asked over its standard input, a line for each call, and
//! answers over its standard output.

use std::process::{ExitCode, Stdio};
use std::time::Duration;
use std::{env, fmt, io};

use session_store_api::{Error, ErrorKind, MaxAge, Result, SessionKey, SessionStore, async_trait};
use session_store_conformance::{BoxError, Skew};
use session_store_mongodb::MongoDbStore;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::runtime::Runtime;
use tokio::sync::Mutex;

/// Tells a process to serve the store of this URL.
const URL: &str = "SESSION_STORE_ELSEWHERE";

/// The URL of the store that this process is to serve, if it is such a process.
pub(crate) fn asked_for() -> Option<String> {
    env::var(URL).ok()
}

/// Serves a store until nobody asks any more.
pub(crate) fn serve(runtime: &Runtime, url: &str) -> ExitCode {
    let store = runtime.block_on(MongoDbStore::connect(url)).unwrap();
    for question in io::stdin().lines() {
        let answer = match runtime.block_on(ask(&store, &question.unwrap())) {
            Ok(None) => "none".to_owned(),
            Ok(Some(value)) => format!("some {}", hex(&value)),
            Err(error) => format!("error {error}"),
        };
        println!("{answer}");
    }
    ExitCode::SUCCESS
}

async fn ask(store: &MongoDbStore, question: &str) -> Result<Option<Vec<u8>>> {
    let words: Vec<&str> = question.split(' ').collect();
    let key = |key: &str| SessionKey::new(key).unwrap();
    match words[..] {
        ["get", name] => store.get(&key(name)).await,
        ["destroy", name] => store.destroy(&key(name)).await.map(|()| None),
        ["set", name, value, life] => {
            let life = match life {
                "session" => MaxAge::Session,
                nanos => MaxAge::After(Duration::from_nanos(nanos.parse().unwrap())),
            };
            store.set(&key(name), &bytes(value), life).await?;
            Ok(None)
        }
        _ => panic!("nobody asks so"),
    }
}

/// The store of such a process.
pub(crate) struct Elsewhere(Mutex<Process>);

struct Process {
    questions: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
    _child: Child,
}

impl Elsewhere {
    pub(crate) async fn open(url: &str, skew: Skew) -> Result<Self, BoxError> {
        let program = env::current_exe()?;
        let shifted = |sign, by: Duration| {
            let offset = format!("{sign}{}", by.as_millis() / 1000);
            let mut command = Command::new("faketime");
            command.args(["-m", "--exclude-monotonic", "-f", &offset]);
            command.arg(&program);
            command
        };
        let mut command = match skew {
            Skew::Ahead(by) => shifted('+', by),
            Skew::Behind(by) => shifted('-', by),
            Skew::Zone(hours) => {
                // West is positive here.
                let mut command = Command::new(&program);
                command.env("TZ", format!("<zone>{}", -hours));
                command
            }
            other => return Err(format!("there is no {other:?} here").into()),
        };
        let mut child = command
            .env(URL, url)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let (questions, answers) = (child.stdin.take(), child.stdout.take());
        Ok(Self(Mutex::new(Process {
            questions: questions.ok_or("a pipe")?,
            answers: BufReader::new(answers.ok_or("a pipe")?).lines(),
            _child: child,
        })))
    }

    async fn ask(&self, question: String) -> Result<Option<Vec<u8>>> {
        let mut process = self.0.lock().await;
        let answer = process.ask(question).await.map_err(|cause| {
            Error::new(ErrorKind::Unavailable, "elsewhere", "it does not answer").with_source(cause)
        })?;
        match answer.split_once(' ') {
            None if answer == "none" => Ok(None),
            Some(("some", value)) => Ok(Some(bytes(value))),
            _ => Err(Error::new(ErrorKind::Other, "elsewhere", answer)),
        }
    }
}

impl Process {
    async fn ask(&mut self, question: String) -> io::Result<String> {
        self.questions.write_all(question.as_bytes()).await?;
        self.questions.write_all(b"\n").await?;
        let answer = self.answers.next_line().await?;
        answer.ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }
}

#[async_trait]
impl SessionStore for Elsewhere {
    async fn get(&self, key: &SessionKey) -> Result<Option<Vec<u8>>> {
        self.ask(format!("get {}", key.as_str())).await
    }

    async fn set(&self, key: &SessionKey, value: &[u8], max_age: MaxAge) -> Result<()> {
        let life = match max_age {
            MaxAge::Session => "session".to_owned(),
            MaxAge::After(life) => life.as_nanos().to_string(),
        };
        let question = format!("set {} {} {life}", key.as_str(), hex(value));
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

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits = hex.as_bytes().chunks(2);
    let bytes = digits.map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap());
    bytes.collect()
}
