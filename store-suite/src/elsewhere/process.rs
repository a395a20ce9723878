//! The other process, as seen from here.

use std::io;
use std::process::Stdio;
use std::time::Duration;

use session_store_conformance::BoxError;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

use crate::elsewhere::line::{Answer, Question};

/// How long an answer may take, the first one with the start: more than a busy machine needs, and less than
/// a case may take.
const DEADLINE: Duration = Duration::from_secs(120);

/// The other process. It is not killed: it ends when nobody can ask any more, and after it the program that
/// shifts its clock, which has something to clear up.
pub(crate) struct Process {
    questions: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
    _child: Child,
}

impl Process {
    pub(crate) fn start(mut command: Command) -> io::Result<Self> {
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn()?;
        let no_pipe = || io::Error::other("the process has no pipe");
        Ok(Self {
            questions: child.stdin.take().ok_or_else(no_pipe)?,
            answers: BufReader::new(child.stdout.take().ok_or_else(no_pipe)?).lines(),
            _child: child,
        })
    }

    pub(crate) async fn ask(&mut self, question: &Question) -> Result<Answer, BoxError> {
        let asked = timeout(DEADLINE, async {
            let line = format!("{question}\n");
            self.questions.write_all(line.as_bytes()).await?;
            self.answers.next_line().await
        });
        let line = asked
            .await
            .map_err(|_| format!("the process said nothing for {DEADLINE:?}"))??;
        line.ok_or("the process has ended")?.parse()
    }
}
