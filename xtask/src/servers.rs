//! Installing the servers that the tests run.
//!
//! The tests themselves find a server, and say where it is missing; the crate `test-servers` knows how.
//! Here they are put where they will be found, as far as that can be done without asking anybody.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::Failure;
use crate::cargo::Package;

pub(crate) mod images;

/// A server that tests need, or a program that they need beside it.
struct Server {
    kind: &'static str,
    /// What the program may be called.
    programs: &'static [&'static str],
    /// The package of Debian and Ubuntu that holds it.
    package: &'static str,
    /// Where it listens unless told otherwise.
    port: u16,
}

const SERVERS: &[Server] = &[Server {
    kind: "redis",
    programs: &["redis-server", "valkey-server"],
    package: "redis-server",
    port: 6379,
}];

/// The crate through which tests get their servers.
const CRATE: &str = "test-servers";

/// For tests whose own clock is off; every kind of server has them.
const FAKETIME: &str = "faketime";

/// Where programs are that are not on the path of everybody.
const FOLDERS: &[&str] = &["/usr/local/sbin", "/usr/sbin", "/sbin", "/opt/homebrew/bin"];

/// Debian's way to keep the services of new packages from starting: what this file says, goes.
const POLICY: &str = "/usr/sbin/policy-rc.d";

/// Whether the tests of this package need servers.
pub(crate) fn are_needed(package: &Package) -> bool {
    package.name == CRATE
        || package
            .dependencies
            .iter()
            .any(|dependency| dependency.name == CRATE)
}

/// The servers that the chosen tests need, installed or, as containers, within reach.
pub(crate) struct Servers {
    /// Ends when the tests have.
    engine: Option<images::Engine>,
}

impl Servers {
    /// Makes ready what the tests of these packages need: nothing, unless they are of networked stores.
    ///
    /// # Errors
    ///
    /// If a server is missing and cannot be installed, or there is no container engine.
    pub(crate) fn ready(packages: &[Package], containers: bool) -> Result<Self, Failure> {
        let mut engine = None;
        if packages.iter().any(are_needed) {
            let kinds: Vec<_> = SERVERS.iter().map(|server| server.kind).collect();
            ensure(&kinds)?;
            if containers {
                engine = Some(images::Engine::with_images(&kinds)?);
            }
        }
        Ok(Self { engine })
    }

    /// What the tests find in their environment.
    pub(crate) fn variables(&self) -> Vec<(&'static str, String)> {
        let Some(engine) = &self.engine else {
            return Vec::new();
        };
        let host = engine.host().map(|host| ("DOCKER_HOST", host.to_owned()));
        [("SESSION_STORE_CONTAINERS", "1".to_owned())]
            .into_iter()
            .chain(host)
            .collect()
    }
}

/// Makes sure that the servers of these kinds can be found, and installs the missing ones. If none is
/// missing it does nothing and says nothing.
///
/// # Errors
///
/// If one is missing and cannot be installed here: says what to install.
fn ensure(kinds: &[&str]) -> Result<(), Failure> {
    let servers: Vec<_> = kinds
        .iter()
        .copied()
        .map(server)
        .collect::<Result<_, _>>()?;
    let missing = || servers.iter().filter(|server| !server.is_here());
    let mut packages: Vec<_> = missing().map(|server| server.package).collect();
    if !servers.is_empty() && find(FAKETIME).is_none() {
        packages.push(FAKETIME);
    }
    if packages.is_empty() {
        return Ok(());
    }
    let Some(root) = root() else {
        let list = packages.join(" ");
        return Err(format!(
            "the tests need {list}: install them, on Debian with `apt-get install {list}`, or name \
             running servers in SESSION_STORE_<KIND>_URL"
        )
        .into());
    };
    install(&root, &packages)?;
    match missing().next() {
        None => Ok(()),
        Some(Server { package, kind, .. }) => {
            Err(format!("{package} was installed, and there is still no {kind}").into())
        }
    }
}

/// Installs packages; no service of theirs is started.
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

fn server(kind: &str) -> Result<&'static Server, Failure> {
    let server = SERVERS.iter().find(|server| server.kind == kind);
    server.ok_or_else(|| format!("no kind of server is called {kind}").into())
}

impl Server {
    /// Whether the tests will find it: named by the environment, or installed.
    fn is_here(&self) -> bool {
        let is_named = |what| {
            let variable = format!("SESSION_STORE_{}_{what}", self.kind.to_uppercase());
            env::var_os(variable).is_some_and(|value| !value.is_empty())
        };
        is_named("URL") || is_named("BIN") || self.program().is_some()
    }

    fn program(&self) -> Option<PathBuf> {
        self.programs.iter().find_map(|name| find(name))
    }
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

/// How to install here, if it can be done without asking.
fn root() -> Option<Root> {
    if !Path::new("/etc/debian_version").exists() || find("apt-get").is_none() {
        return None;
    }
    let id = Command::new("id").arg("-u").output().ok()?;
    if id.stdout == b"0\n" {
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

/// Runs a command that speaks only if it fails.
fn quietly(command: &mut Command) -> Result<(), Failure> {
    let program = command.get_program().display().to_string();
    let output = command.stdin(Stdio::null()).output();
    let output = output.map_err(|error| format!("{program}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said =
        [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
    Err(format!("{program} failed ({}):\n{}", output.status, said.concat()).into())
}

/// A program of this name, on the path or in a well-known folder.
fn find(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .chain(FOLDERS.iter().map(PathBuf::from))
        .map(|folder| folder.join(name))
        .find(|program| program.is_file())
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
