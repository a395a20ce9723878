//! A program that ends with the tests.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tokio::time::sleep;

/// A process in an empty folder. It, all that it has started, and the folder are gone when this value is
/// dropped, and when the test is killed.
pub(crate) struct Process {
    shell: Child,
    pipe: Option<ChildStdin>,
    folder: TempDir,
}

/// What a program may take to be ready.
const DEADLINE: Duration = Duration::from_secs(120);

/// The shell waits at a pipe whose other end is this process's alone. The kernel closes it at any death.
/// The program leads a group of its own, which is killed by its number; the shell has not waited for it,
/// so the number is still its own. If it was too young to have a group, it alone is killed.
const SCRIPT: &str = r#"
folder=$1; shift
setsid "$@" </dev/null &
while read -r _; do :; done
kill -s KILL -- "-$!" "$!"
for _ in 1 2 3 4 5; do rm -rf -- "$folder" && break; sleep 1; done
"#;

impl Process {
    /// Starts a program that writes nowhere but in its folder.
    pub(crate) fn start(program: &Path, args: &[&str]) -> Self {
        let folder = TempDir::with_prefix("session-browser-").unwrap();
        let log = File::create(folder.path().join("log")).unwrap();
        let mut shell = Command::new("/bin/sh")
            .args(["-c", SCRIPT, "watch"])
            .arg(folder.path())
            .arg(program)
            .args(args)
            .current_dir(folder.path())
            .env("HOME", folder.path())
            .env("TMPDIR", folder.path())
            .stdin(Stdio::piped())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        Self {
            pipe: shell.stdin.take(),
            shell,
            folder,
        }
    }

    /// Its folder.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Waits until it has said `start`, and answers what followed that in the line.
    pub(crate) async fn said(&self, start: &str) -> String {
        let began = Instant::now();
        loop {
            let log = self.log();
            let whole = log.rfind('\n').map_or("", |end| &log[..end]);
            if let Some(line) = whole.lines().find_map(|line| line.strip_prefix(start)) {
                return line.to_owned();
            }
            assert!(began.elapsed() < DEADLINE, "it only says:\n{log}");
            sleep(Duration::from_millis(10)).await;
        }
    }

    fn log(&self) -> String {
        let log = fs::read(self.folder().join("log")).unwrap_or_default();
        String::from_utf8_lossy(&log).into_owned()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("what it said:\n{}", self.log());
        }
        drop(self.pipe.take());
        let _ = self.shell.wait(); // if that fails, nothing is left to wait for
    }
}
