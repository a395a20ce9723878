//! A store in a process whose clock or time zone is off: this program again, asked through its standard input.

use std::env;
use std::fmt::{self, Debug, Write as _};
use std::process::{ExitCode, Stdio};
use std::time::Duration;

use session_store_api::{Error, ErrorKind, MaxAge, Result, SessionKey, SessionStore, async_trait};
use session_store_conformance::{BoxError, Setup, Skew};
use session_store_mysql::MySqlStore;
use session_store_mysql::sqlx::mysql::MySqlPoolOptions;
use session_store_mysql::sqlx::{AssertSqlSafe, Executor};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, stdin};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::Mutex;

/// Tells a process that it is the other one: the server, the table, and the time zone of the
/// server's sessions.
const ORDERS: [&str; 3] = ["SKEWED_URL", "SKEWED_TABLE", "SKEWED_EAST"];

/// Answers one line for each until there are no more, if this is the other process.
pub(crate) async fn serve() -> Option<ExitCode> {
    let [Ok(url), Ok(table), Ok(east)] = ORDERS.map(env::var) else {
        return None;
    };
    let store = open(&url, &table, east).await.unwrap();
    let mut lines = BufReader::new(stdin()).lines();
    while let Some(line) = lines.next_line().await.unwrap() {
        let answer = answer(&store, &line).await;
        println!(
            "{}",
            answer.unwrap_or_else(|error| format!("error {error}"))
        );
    }
    Some(ExitCode::SUCCESS)
}

/// A store whose connections have another time zone, which the store cannot know.
async fn open(url: &str, table: &str, east: String) -> Result<MySqlStore, BoxError> {
    let pool = MySqlPoolOptions::new()
        .max_connections(1)
        .after_connect(move |connection, _| {
            let zone = AssertSqlSafe(format!("SET time_zone = '{east}'"));
            Box::pin(async move { connection.execute(zone).await.map(drop) })
        })
        .connect(url)
        .await?;
    Ok(MySqlStore::new(pool).with_table(table)?)
}

async fn answer(store: &MySqlStore, line: &str) -> Result<String, BoxError> {
    match line.split(' ').collect::<Vec<_>>()[..] {
        ["get", key] => {
            let value = store.get(&key.parse()?).await?;
            Ok(value.map_or("none".to_owned(), |value| format!("some {}", hex(&value))))
        }
        ["set", key, nanos, value] => {
            let max_age = MaxAge::After(Duration::from_nanos(nanos.parse()?));
            store.set(&key.parse()?, &bytes(value)?, max_age).await?;
            Ok("done".to_owned())
        }
        ["destroy", key] => {
            store.destroy(&key.parse()?).await?;
            Ok("done".to_owned())
        }
        _ => Err("no such question".into()),
    }
}

/// The store there, as seen from here. Dropped, it ends that process.
pub(crate) struct Remote(Mutex<Process>);

struct Process {
    _child: Child,
    questions: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Remote {
    pub(crate) fn start(url: &str, setup: &Setup, skew: Skew) -> Result<Self, BoxError> {
        let seconds = |by: Duration| by.as_millis() / 1000;
        let (mut command, east) = match skew {
            Skew::Ahead(by) => (faketime(&format!("+{}", seconds(by)))?, 0),
            Skew::Behind(by) => (faketime(&format!("-{}", seconds(by)))?, 0),
            Skew::Zone(east) => {
                // The sign that POSIX gives a zone is that of the way back to UTC.
                let mut command = Command::new(env::current_exe()?);
                command.env("TZ", format!("HERE{:+}", -east));
                (command, east)
            }
            other => return Err(format!("no store can be opened under {other:?}").into()),
        };
        // The server itself is that far east.
        let zone = match east {
            14 => "SYSTEM".to_owned(),
            east => format!("{east:+03}:00"),
        };
        let orders = [url, setup.namespace(), &zone];
        let mut child = command
            .envs(ORDERS.iter().zip(orders))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let (questions, answers) = (child.stdin.take(), child.stdout.take());
        Ok(Self(Mutex::new(Process {
            _child: child,
            questions: questions.ok_or("no pipe")?,
            answers: BufReader::new(answers.ok_or("no pipe")?),
        })))
    }

    async fn ask(&self, question: String) -> Result<String> {
        let mut process = self.0.lock().await;
        let answered = process.ask(&question).await;
        answered.map_err(|error| Error::new(ErrorKind::Other, "remote", error.to_string()))
    }
}

impl Process {
    async fn ask(&mut self, question: &str) -> Result<String, BoxError> {
        let question = format!("{question}\n");
        self.questions.write_all(question.as_bytes()).await?;
        let mut answer = String::new();
        self.answers.read_line(&mut answer).await?;
        match answer.trim_end() {
            "" => Err("the process ended".into()),
            answer => match answer.strip_prefix("error ") {
                Some(error) => Err(error.to_owned().into()),
                None => Ok(answer.to_owned()),
            },
        }
    }
}

#[async_trait]
impl SessionStore for Remote {
    async fn get(&self, key: &SessionKey) -> Result<Option<Vec<u8>>> {
        let answer = self.ask(format!("get {}", key.as_str())).await?;
        let value = answer.strip_prefix("some ");
        Ok(value.map(|value| bytes(value).unwrap()))
    }

    async fn set(&self, key: &SessionKey, value: &[u8], max_age: MaxAge) -> Result<()> {
        let nanos = max_age.to_duration(MaxAge::DEFAULT_SESSION).as_nanos();
        let question = format!("set {} {nanos} {}", key.as_str(), hex(value));
        self.ask(question).await.map(drop)
    }

    async fn destroy(&self, key: &SessionKey) -> Result<()> {
        let question = format!("destroy {}", key.as_str());
        self.ask(question).await.map(drop)
    }
}

impl Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Remote").finish_non_exhaustive()
    }
}

/// This program, with another clock.
fn faketime(offset: &str) -> Result<Command, BoxError> {
    let mut command = Command::new("faketime");
    command
        .args(["-m", "--exclude-monotonic", "-f", offset])
        .arg(env::current_exe()?);
    Ok(command)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").unwrap();
        hex
    })
}

fn bytes(hex: &str) -> Result<Vec<u8>, BoxError> {
    let byte = |at| Ok(u8::from_str_radix(hex.get(at..at + 2).ok_or("odd")?, 16)?);
    (0..hex.len()).step_by(2).map(byte).collect()
}
