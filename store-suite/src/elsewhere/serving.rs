//! What the other process does.

use std::env;
use std::error::Error;
use std::io::{self, Write};
use std::process::ExitCode;

use session_store_api::SessionStore;
use session_store_conformance::BoxError;
use tokio::io::{AsyncBufReadExt, BufReader, stdin};

use crate::elsewhere::line::{Answer, Question};
use crate::elsewhere::{WORDS, now};

/// The words from which to open a store, if this is the other process.
pub(crate) fn words() -> Option<Vec<String>> {
    let words = env::var(WORDS).ok()?;
    Some(words.split_terminator('\n').map(str::to_owned).collect())
}

/// Answers one line for each until nobody asks any more.
pub(crate) async fn serve<const N: usize, S: SessionStore>(
    words: Vec<String>,
    open: impl AsyncFnOnce([String; N]) -> Result<S, BoxError>,
) -> ExitCode {
    let store = match words.try_into() {
        Ok(words) => open(words).await,
        Err(words) => Err(format!("{N} words were expected, not {}", words.len()).into()),
    };
    match answer_all(&store).await {
        Ok(()) => ExitCode::SUCCESS,
        // Nobody listens any more.
        Err(_) => ExitCode::FAILURE,
    }
}

async fn answer_all(store: &Result<impl SessionStore, BoxError>) -> io::Result<()> {
    let mut lines = BufReader::new(stdin()).lines();
    while let Some(line) = lines.next_line().await? {
        let answered = match store {
            Ok(store) => answer(store, &line).await.map_err(|error| shown(&*error)),
            Err(error) => Err(shown(&**error)),
        };
        writeln!(io::stdout(), "{}", Answer(answered))?;
    }
    Ok(())
}

async fn answer(store: &impl SessionStore, line: &str) -> Result<Option<Vec<u8>>, BoxError> {
    match line.parse()? {
        Question::Time => Ok(Some(now().as_millis().to_string().into_bytes())),
        Question::Get(key) => Ok(store.get(&key).await?),
        Question::Set(key, value, max_age) => {
            store.set(&key, &value, max_age).await?;
            Ok(None)
        }
        Question::Destroy(key) => {
            store.destroy(&key).await?;
            Ok(None)
        }
    }
}

/// The error with its causes.
fn shown(error: &dyn Error) -> String {
    let mut shown = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        shown.push_str(&format!(": {error}"));
        cause = error.source();
    }
    shown
}
