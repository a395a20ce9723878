//! Cleaning up after a process that could not do it itself.

use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};

use rustix::process::Pid;

/// Kills a server and removes its folder when this process is gone, however it died.
///
/// It is a shell that waits at a pipe. This process holds the only other end, and the kernel closes it
/// at any death, `SIGKILL` included. Linux's own parent-death signal would need `unsafe`, comes as
/// soon as the *thread* that started the server ends, and leaves the folder. A server in a `static`,
/// which is never dropped, ends this way too.
#[derive(Debug)]
pub(crate) struct Reaper {
    shell: Child,
    pipe: Option<ChildStdin>,
}

/// The last line told is the process to kill, with its group and with its children, each in a group of
/// its own; an empty one is none. A Postgres that was killed leaves a mark in the memory that programs
/// share, and says in a file which one. A dying server may still write into its folder.
const SCRIPT: &str = r#"
while read -r line; do pid=$line; done
if [ -n "$pid" ]; then
  family=
  for stat in /proc/[0-9]*/stat; do
    { read -r child _ _ parent _ <"$stat"; } && [ "$parent" = "$pid" ] && family="$family $child"
  done
  kill -s KILL -- "-$pid" $family
fi
[ -z "$2" ] || docker rm --force --volumes "$2"
segment=$(sed -n '7s/.* //p' "$1/data/postmaster.pid") && [ -n "$segment" ] && ipcrm -m "$segment"
for _ in 1 2 3 4 5; do rm -rf -- "$1" && break; sleep 1; done
"#;

impl Reaper {
    /// Watches over a folder and the container of this name, if there is one.
    pub(crate) fn start(folder: &Path, container: Option<&str>) -> io::Result<Self> {
        let mut shell = Command::new("/bin/sh")
            .args(["-c", SCRIPT, "reaper"])
            .arg(folder)
            .arg(container.unwrap_or_default())
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // Ctrl-C at a terminal goes to the whole group of the tests.
            .process_group(0)
            .spawn()?;
        let pipe = shell.stdin.take();
        Ok(Self { shell, pipe })
    }

    /// From now on this is the process to kill.
    pub(crate) fn watch(&mut self, process: Option<Pid>) -> io::Result<()> {
        let Some(pipe) = &mut self.pipe else {
            return Ok(());
        };
        match process {
            Some(process) => writeln!(pipe, "{}", process.as_raw_nonzero()),
            None => writeln!(pipe),
        }
    }
}

impl Drop for Reaper {
    fn drop(&mut self) {
        drop(self.pipe.take());
        // Nothing is left to do if it fails: the shell is gone already.
        let _ = self.shell.wait();
    }
}
