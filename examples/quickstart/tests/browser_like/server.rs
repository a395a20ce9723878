//! The built binary, running.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};

/// A running quickstart, killed when dropped.
pub(crate) struct Server {
    process: Child,
    stdout: BufReader<ChildStdout>,
    /// The line it printed when it was ready.
    pub(crate) greeting: String,
}

/// A finished quickstart.
pub(crate) struct Exit {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// The binary, to be run in `folder`, untouched by the variables of whoever tests.
pub(crate) fn command(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_quickstart"));
    command
        .current_dir(folder)
        .args(args)
        .env_remove("SESSION_STORE_URL")
        .env_remove("SESSION_SECRET");
    command
}

/// Runs the binary to its end, for command lines that end by themselves.
pub(crate) fn run(command: &mut Command) -> Exit {
    let output = command.stdin(Stdio::null()).output().unwrap();
    Exit {
        status: output.status,
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

impl Server {
    /// Starts the binary in `folder`, on a free port, and waits until it takes requests.
    pub(crate) fn start(folder: &Path, args: &[&str]) -> Self {
        Self::spawn(&mut command(folder, args))
    }

    /// Starts `command`, on a free port, and waits until it takes requests.
    pub(crate) fn spawn(command: &mut Command) -> Self {
        let mut process = command
            .args(["--port", "0"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdout = BufReader::new(process.stdout.take().unwrap());
        let mut greeting = String::new();
        stdout.read_line(&mut greeting).unwrap();
        Self {
            process,
            stdout,
            greeting,
        }
    }

    /// Where it listens: `http://127.0.0.1:40123`.
    pub(crate) fn origin(&self) -> &str {
        let mut words = self.greeting.split_whitespace();
        words
            .find(|word| word.starts_with("http://"))
            .expect("the greeting shows the address")
    }

    /// The port it listens on.
    pub(crate) fn port(&self) -> &str {
        self.origin().rsplit(':').next().unwrap()
    }

    /// Asks it to end, as an operator would, and waits; answers how it ended and what else it printed.
    pub(crate) fn terminate(mut self) -> (ExitStatus, String) {
        let pid = self.process.id().to_string();
        let sent = Command::new("kill").args(["-TERM", &pid]).status().unwrap();
        assert!(sent.success());
        let status = self.process.wait().unwrap();
        let mut rest = String::new();
        self.stdout.read_to_string(&mut rest).unwrap();
        (status, rest)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already; then there is nothing to kill.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
