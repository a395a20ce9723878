//! Installing packages of Debian and Ubuntu.

use std::env;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use super::{find, quietly};
use crate::Failure;

/// Debian's way to keep the services of new packages from starting: what this file says, goes.
const POLICY: &str = "/usr/sbin/policy-rc.d";

/// Installs packages; no service of theirs is started.
///
/// # Errors
///
/// If that cannot be done here without asking: says what to install, or else what to do instead.
pub(super) fn ensure(packages: &[&str], instead: &str) -> Result<(), Failure> {
    let Some(root) = root() else {
        let list = packages.join(" ");
        return Err(format!(
            "the tests need {list}: install them, on Debian with `apt-get install {list}`, or {instead}"
        )
        .into());
    };
    install(&root, packages)
}

fn install(root: &Root, packages: &[&str]) -> Result<(), Failure> {
    println!("Installing {} (services stay off) …", packages.join(" "));
    let policy = Policy::forbid(root)?;
    let done = quietly(root.command("apt-get").args(["-q", "update"])).and_then(|()| {
        let install = ["-q", "-y", "--no-install-recommends", "install"];
        quietly(root.command("apt-get").args(install).args(packages))
    });
    policy.lift(root)?;
    done
}

/// How to do what only root may.
enum Root {
    Already,
    Sudo,
}

impl Root {
    fn command(&self, program: &str) -> Command {
        let mut command = match self {
            Self::Already => Command::new(program),
            Self::Sudo => {
                let mut sudo = Command::new("sudo");
                sudo.args(["-n", "DEBIAN_FRONTEND=noninteractive", program]);
                sudo
            }
        };
        command.env("DEBIAN_FRONTEND", "noninteractive");
        command
    }
}

/// Whether this is root itself.
pub(super) fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output();
    id.is_ok_and(|id| id.stdout == b"0\n")
}

/// How to install here, if it can be done without asking.
fn root() -> Option<Root> {
    if !Path::new("/etc/debian_version").exists() || find("apt-get").is_none() {
        return None;
    }
    if is_root() {
        return Some(Root::Already);
    }
    let mut sudo = Command::new("sudo");
    sudo.args(["-n", "true"]).stdin(Stdio::null());
    let may = sudo.output().is_ok_and(|output| output.status.success());
    may.then_some(Root::Sudo)
}

/// While it stands, a package that brings a service does not start it.
enum Policy {
    /// Somebody wrote one; theirs holds, and stays.
    Theirs,
    Ours,
}

impl Policy {
    fn forbid(root: &Root) -> Result<Self, Failure> {
        if Path::new(POLICY).exists() {
            return Ok(Self::Theirs);
        }
        let script = env::temp_dir().join(format!("policy-rc.d-{}", std::process::id()));
        fs::write(&script, policy(std::process::id()))?;
        let mut install = root.command("install");
        let done = quietly(install.args(["-m", "755"]).arg(&script).arg(POLICY));
        fs::remove_file(&script)?;
        done.map(|()| Self::Ours)
    }

    fn lift(self, root: &Root) -> Result<(), Failure> {
        match self {
            Self::Theirs => Ok(()),
            Self::Ours => quietly(root.command("rm").args(["-f", POLICY])),
        }
    }
}

/// It holds no longer than the process that wrote it, should that be killed before it removes it.
fn policy(process: u32) -> String {
    format!(
        "#!/bin/sh\n\
         # Written by `cargo xtask` while it installs servers for tests; safe to remove.\n\
         [ -d /proc/{process} ] && exit 101\n\
         exit 104\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Debian's own words: 101 is "forbidden", 104 is "allowed".
    #[test]
    fn the_policy_ends_with_its_writer() {
        for (process, expected) in [(std::process::id(), 101), (u32::MAX, 104)] {
            let mut shell = Command::new("/bin/sh");
            let status = shell.args(["-c", &policy(process)]).status().unwrap();
            assert_eq!(status.code(), Some(expected));
        }
    }
}
