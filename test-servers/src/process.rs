//! A server as a process of its own.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use rustix::process::{
    Pid, Signal, WaitId, WaitIdOptions, geteuid, kill_process, kill_process_group, waitid,
};
use tempfile::TempDir;
use tokio::time::sleep;

use crate::engine::{Ending, Engine, Launch};
use crate::reaper::Reaper;
use crate::{Kind, family};

/// The user `nobody`, for servers that refuse to run as root.
const NOBODY: u32 = 65534;

/// How often a server is asked whether it is there yet, or gone.
const GLANCE: Duration = Duration::from_millis(5);

/// How long a server may take to end when it is asked to.
const FAREWELL: Duration = Duration::from_secs(30);

/// The shell turns into the server once it is told to. Until then the reaper learns whom to kill: a
/// server never runs unwatched.
const SCRIPT: &str = r#"read -r _ && exec "$@" </dev/null"#;

/// A server process with an empty folder. It dies with this value, and with this program.
#[derive(Debug)]
pub(crate) struct Process {
    kind: Kind,
    program: PathBuf,
    launch: Launch,
    args: Vec<String>,
    env: Vec<(String, String)>,
    state: Mutex<State>,
    /// Removed when dropped, after the process.
    _folder: TempDir,
}

#[derive(Debug)]
struct State {
    child: Option<Child>,
    reaper: Reaper,
}

impl Process {
    /// A server that does not run yet.
    pub(crate) fn new(
        kind: Kind,
        program: &Path,
        launch: Launch,
        folder: TempDir,
        args: Vec<String>,
        env: Vec<(String, String)>,
    ) -> io::Result<Self> {
        if let Some(user) = launch.user {
            give_away(folder.path(), user)?;
        }
        let reaper = Reaper::start(folder.path(), None)?;
        Ok(Self {
            kind,
            program: program.to_owned(),
            launch,
            args,
            env,
            state: Mutex::new(State {
                child: None,
                reaper,
            }),
            _folder: folder,
        })
    }

    fn signal(&self, signal: Signal) -> io::Result<Pid> {
        let state = self.state();
        match &state.child {
            Some(child) => {
                let pid = Pid::from_child(child);
                // Not waited for yet, so that the number is still its own.
                kill_process(pid, signal)?;
                Ok(pid)
            }
            None => Err(not_running()),
        }
    }

    /// Stops the process, and returns when it does.
    async fn halt(&self) -> io::Result<Pid> {
        let pid = self.signal(Signal::STOP)?;
        // The signal only asks; on a busy machine a command may still be answered meanwhile.
        self.until("stop", || {
            if !self.is_running() {
                return Err(not_running());
            }
            let options = WaitIdOptions::STOPPED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
            Ok(waitid(WaitId::Pid(pid), options)?.is_some())
        })
        .await?;
        Ok(pid)
    }

    /// What it has forked and must share its fate.
    fn children(&self, pid: Pid) -> io::Result<Vec<Pid>> {
        if self.kind.forks() {
            return family::children(pid);
        }
        Ok(Vec::new())
    }

    async fn until(&self, what: &str, is: impl Fn() -> io::Result<bool>) -> io::Result<()> {
        let began = Instant::now();
        while !is()? {
            if began.elapsed() > FAREWELL {
                let message = format!("the server did not {what} in {FAREWELL:?}");
                return Err(io::Error::new(io::ErrorKind::TimedOut, message));
            }
            sleep(GLANCE).await;
        }
        Ok(())
    }

    fn log_file(&self) -> PathBuf {
        self.launch.folder.join("log")
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Engine for Process {
    fn launch(&self) -> Option<&Launch> {
        Some(&self.launch)
    }

    async fn start(&self) -> io::Result<()> {
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.log_file())?;
        let mut command = Command::new("/bin/sh");
        command
            .args(["-c", SCRIPT, "server"])
            .arg(&self.program)
            .args(&self.args)
            // A test whose own clock is off asks a server whose clock is right.
            .env_remove("LD_PRELOAD")
            .env_remove("FAKETIME")
            .envs(self.env.iter().map(|(name, value)| (name, value)))
            .current_dir(&self.launch.folder)
            .stdin(Stdio::piped())
            .stdout(log.try_clone()?)
            .stderr(log)
            .process_group(0);
        if let Some(user) = self.launch.user {
            run_as(&mut command, user);
        }
        let mut state = self.state();
        let child = state.child.insert(command.spawn()?);
        let (pid, go) = (Pid::from_child(child), child.stdin.take());
        state.reaper.watch(Some(pid))?;
        go.map_or(Ok(()), |mut go| go.write_all(b"\n"))
    }

    fn is_running(&self) -> bool {
        self.state().is_running()
    }

    async fn pause(&self) -> io::Result<()> {
        let pid = self.halt().await?;
        family::signal(&self.children(pid)?, Signal::STOP);
        self.until("stop", || {
            Ok(self.children(pid)?.into_iter().all(family::is_stopped))
        })
        .await
    }

    async fn resume(&self) -> io::Result<()> {
        let pid = self.signal(Signal::CONT)?;
        family::signal(&self.children(pid)?, Signal::CONT);
        Ok(())
    }

    async fn end(&self, ending: Ending) -> io::Result<()> {
        if !self.is_running() {
            return Ok(());
        }
        match ending {
            Ending::Ask => {
                self.signal(self.kind.farewell())?;
                self.resume().await?; // a paused one would never see it
            }
            Ending::Kill => {
                let pid = match self.halt().await {
                    Err(_) if !self.is_running() => return Ok(()),
                    halted => halted?,
                };
                family::signal(&self.children(pid)?, Signal::KILL);
                self.until("end", || Ok(self.children(pid)?.is_empty()))
                    .await?;
                self.signal(Signal::KILL)?;
            }
        }
        self.until("end", || Ok(!self.is_running())).await
    }

    fn log(&self) -> String {
        let log = fs::read(self.log_file()).unwrap_or_default();
        String::from_utf8_lossy(&log).into_owned()
    }
}

impl State {
    /// Whether the process is there, be it paused. One that ended by itself is buried here.
    fn is_running(&mut self) -> bool {
        let Some(child) = &self.child else {
            return false;
        };
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        match waitid(WaitId::Pid(Pid::from_child(child)), options) {
            Ok(None) => true,
            _ => {
                self.bury();
                false
            }
        }
    }

    /// Waits for a process that has ended or is about to. Its number is free only then, so the reaper
    /// forgets it before.
    fn bury(&mut self) {
        if let Some(mut child) = self.child.take() {
            // Neither can fail but for a process that somebody else has waited for.
            let _ = self.reaper.watch(None);
            let _ = child.wait();
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let program = self.program.display();
            eprintln!("the last that {program} said:\n{}", tail(&self.log()));
        }
        let child = self.state().child.as_ref().map(Pid::from_child);
        if let Some(pid) = child {
            // With what it has forked. It may have ended by itself, which is as good.
            let children = self.children(pid).unwrap_or_default();
            let _ = kill_process_group(pid, Signal::KILL);
            family::signal(&children, Signal::KILL);
            self.state().bury();
        }
    }
}

/// Who is to run a server, if we may not: `nobody`.
pub(crate) fn user(refuses_root: bool) -> Option<u32> {
    (refuses_root && geteuid().is_root()).then_some(NOBODY)
}

/// Makes a command run as another user.
pub(crate) fn run_as(command: &mut Command, user: u32) {
    command.uid(user).gid(user);
}

/// The last lines of a log.
pub(crate) fn tail(log: &str) -> String {
    let lines: Vec<_> = log.lines().collect();
    lines[lines.len().saturating_sub(20)..].join("\n")
}

/// Makes the folder and all in it the property of another user.
pub(crate) fn give_away(path: &Path, user: u32) -> io::Result<()> {
    chown(path, Some(user), Some(user))?;
    if path.is_dir() {
        for entry in fs::read_dir(path)? {
            give_away(&entry?.path(), user)?;
        }
    }
    Ok(())
}

fn not_running() -> io::Error {
    io::Error::new(io::ErrorKind::NotConnected, "the server does not run")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A shell that says who it is and what it was given, and then waits.
    fn shell(user: Option<u32>) -> Process {
        let folder = TempDir::with_prefix("session-store-shell-").unwrap();
        fs::write(folder.path().join("file"), "ours").unwrap();
        let launch = Launch {
            port: 0,
            folder: folder.path().to_owned(),
            certificates: None,
            user,
            contained: false,
        };
        let script = r#"id -u; cat file; echo "$GREETING"; exec sleep 600"#;
        let args = vec!["-c".to_owned(), script.to_owned()];
        let env = vec![("GREETING".to_owned(), "hello".to_owned())];
        Process::new(Kind::Redis, Path::new("/bin/sh"), launch, folder, args, env).unwrap()
    }

    #[tokio::test]
    async fn what_refuses_root_runs_as_nobody_on_its_own_files() {
        let user = user(true);
        let expected = user.unwrap_or(geteuid().as_raw());
        let shell = shell(user);
        for round in 1..=2 {
            shell.start().await.unwrap();
            let said = format!("{expected}\nourshello\n").repeat(round);
            while shell.log() != said {
                assert!(shell.is_running(), "it said {}", shell.log());
                sleep(GLANCE).await;
            }
            shell.end(Ending::Kill).await.unwrap();
        }
    }

    #[tokio::test]
    async fn one_that_ends_by_itself_is_not_running() {
        let shell = shell(None);
        assert!(!shell.is_running());
        shell.start().await.unwrap();
        shell.signal(Signal::TERM).unwrap();
        while shell.is_running() {
            sleep(GLANCE).await;
        }
        assert!(shell.pause().await.is_err());
        shell.end(Ending::Kill).await.unwrap();
    }
}
