//! The processes that a server forks. Postgres has one for each connection, each in a group of its own.

use std::{fs, io};

use rustix::process::{Pid, Signal, kill_process};

/// What Linux says of a process.
struct Status {
    /// `T` for stopped, `Z` for one that has ended and that its parent has not taken leave of.
    state: u8,
    parent: i32,
}

/// The children of a process that have not ended. While it is stopped it forks no more, and their
/// numbers stay theirs.
///
/// # Errors
///
/// If this is not Linux.
pub(crate) fn children(parent: Pid) -> io::Result<Vec<Pid>> {
    let mut children = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let name = entry?.file_name();
        let process = name.to_string_lossy().parse().ok().and_then(Pid::from_raw);
        if let Some(process) = process
            && let Some(status) = status(process)
            && status.parent == parent.as_raw_nonzero().get()
            && status.state != b'Z'
        {
            children.push(process);
        }
    }
    Ok(children)
}

/// Whether a process is stopped.
pub(crate) fn is_stopped(process: Pid) -> bool {
    status(process).is_some_and(|status| matches!(status.state, b'T' | b't'))
}

/// Sends a signal to all of them. One that has ended meanwhile needs none.
pub(crate) fn signal(processes: &[Pid], signal: Signal) {
    for process in processes {
        let _ = kill_process(*process, signal);
    }
}

/// In `/proc/<id>/stat`: `id (name) state parent …`, and the name may be anything.
fn status(process: Pid) -> Option<Status> {
    let stat = fs::read_to_string(format!("/proc/{}/stat", process.as_raw_nonzero())).ok()?;
    let (_, fields) = stat.rsplit_once(") ")?;
    let mut fields = fields.split(' ');
    Some(Status {
        state: *fields.next()?.as_bytes().first()?,
        parent: fields.next()?.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use rustix::process::getpid;

    use super::*;

    #[test]
    fn children_are_found_until_they_end() {
        let mut cat = Command::new("cat");
        let mut child = cat.stdin(Stdio::piped()).spawn().unwrap();
        let pid = Pid::from_child(&child);
        assert!(children(getpid()).unwrap().contains(&pid));
        assert!(!is_stopped(pid));
        signal(&[pid], Signal::STOP);
        while !is_stopped(pid) {
            std::thread::yield_now();
        }
        signal(&[pid], Signal::KILL);
        while children(getpid()).unwrap().contains(&pid) {
            std::thread::yield_now();
        }
        child.wait().unwrap();
    }
}
