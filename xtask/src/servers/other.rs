//! Other versions of a server, beside the one that is installed.
//!
//! They come from other suites of Debian. Apt, with a state of its own, finds them and all that they need;
//! that is unpacked into one folder, where they run on the libraries that they were built for. Nothing of
//! it is installed, so it takes no root.

use std::env;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use clap::builder::PossibleValuesParser;

use super::{KEPT, find, quietly};
use crate::Failure;
use crate::cargo::{output, root};

/// A version that can be had.
struct Version {
    name: &'static str,
    suite: &'static str,
    package: &'static str,
    program: &'static str,
    /// What it must be told to find its files; `ROOT` is the folder that it is in.
    options: &'static str,
}

const VERSIONS: &[Version] = &[
    Version {
        name: "redis-8",
        suite: "trixie",
        package: "redis-server",
        program: "usr/bin/redis-server",
        options: "",
    },
    Version {
        name: "valkey-8",
        suite: "trixie",
        package: "valkey-server",
        program: "usr/bin/valkey-server",
        options: "",
    },
    Version {
        name: "valkey-9",
        suite: "sid",
        package: "valkey-server",
        program: "usr/bin/valkey-server",
        options: "",
    },
    Version {
        name: "mysql-9",
        suite: "sid",
        package: "mysql-server-core",
        program: "usr/sbin/mysqld",
        options: "--lc-messages-dir=ROOT/usr/share/mysql --character-sets-dir=ROOT/usr/share/mysql/charsets",
    },
];

/// What all of Debian is signed with.
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// Where its libraries are, on the one machine for which this is written.
const LIBRARIES: &str = "usr/lib/x86_64-linux-gnu";

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Which one
    #[arg(value_parser = PossibleValuesParser::new(VERSIONS.iter().map(|version| version.name)))]
    name: String,
}

/// Fetches a version, unless it is here, and prints where its program is.
///
/// # Errors
///
/// If this is no Debian on x86-64, or Debian cannot be reached.
pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let version = VERSIONS.iter().find(|version| version.name == args.name);
    let version = version.ok_or("there is no such version")?;
    let program = Path::new(version.program).file_name().unwrap_or_default();
    let kept = root().join(KEPT);
    let folder = kept.join(version.name);
    let starter = folder.join(program);
    if !starter.is_file() {
        if env::consts::ARCH != "x86_64" || find("apt-get").is_none() {
            return Err("other versions of servers can be had on Debian for x86-64 alone".into());
        }
        eprintln!("Fetching {} …", version.name);
        let new = kept.join(format!("new-{}", std::process::id()));
        fs::create_dir_all(&new)?;
        let done = version.fetch_into(&new.join("root")).and_then(|()| {
            let starter = new.join(program);
            fs::write(&starter, version.starter(&folder.join("root")))?;
            fs::set_permissions(&starter, Permissions::from_mode(0o755))?;
            // Whole or not at all.
            Ok(fs::rename(&new, &folder)?)
        });
        if let Err(failure) = done {
            fs::remove_dir_all(&new)?;
            return Err(failure);
        }
    }
    println!("{}", starter.display());
    Ok(())
}

impl Version {
    /// Unpacks the package and all that it needs into a folder.
    fn fetch_into(&self, root: &Path) -> Result<(), Failure> {
        let apt = root.with_file_name("apt");
        fs::create_dir_all(apt.join("lists/partial"))?;
        fs::create_dir_all(apt.join("archives/partial"))?;
        fs::write(apt.join("status"), "")?; // as if nothing were installed
        let targets = "$(ORIGIN) $(CODENAME) $(REPO_URI)";
        let mut known = Command::new("apt-get");
        let known = output(known.args(["indextargets", "--format", targets]))?;
        let mirror = mirror(&known).ok_or("apt knows no mirror of Debian")?;
        let source = format!("deb [signed-by={KEYRING}] {mirror} {} main\n", self.suite);
        fs::write(apt.join("sources.list"), source)?;
        let run = |words: &[&str]| {
            let mut command = Command::new("apt-get");
            for (name, value) in [
                ("Dir::State", ""),
                ("Dir::State::status", "status"),
                ("Dir::Cache", ""),
                ("Dir::Etc::sourcelist", "sources.list"),
                ("Dir::Etc::sourceparts", "none"),
            ] {
                let value = apt.join(value);
                command.args(["-o", &format!("{name}={}", value.display())]);
            }
            command.args(["-o", "APT::Sandbox::User=root", "-q", "-y"]);
            quietly(command.arg("--no-install-recommends").args(words))
        };
        run(&["update"])?;
        run(&["--download-only", "install", self.package])?;
        for file in fs::read_dir(apt.join("archives"))? {
            let file = file?.path();
            if file.extension().is_some_and(|extension| extension == "deb") {
                quietly(Command::new("dpkg-deb").arg("-x").arg(file).arg(root))?;
            }
        }
        Ok(fs::remove_dir_all(apt)?)
    }

    /// A script that becomes the program, with the loader and the libraries in the same folder.
    fn starter(&self, root: &Path) -> String {
        let root = root.display().to_string();
        let options = self.options.replace("ROOT", &root);
        let Self { program, .. } = self;
        format!(
            "#!/bin/sh\n\
             exec {root}/{LIBRARIES}/ld-linux-x86-64.so.2 --library-path {root}/{LIBRARIES} \\\n    \
                 {root}/{program} \"$@\" {options}\n"
        )
    }
}

/// The mirror of Debian that apt uses here, of lines with origin, suite and address. The security team's
/// and what was backported are elsewhere or not all there.
fn mirror(targets: &str) -> Option<&str> {
    targets.lines().find_map(|line| {
        let mut words = line.split(' ');
        let (origin, suite, address) = (words.next()?, words.next()?, words.next()?);
        (origin == "Debian" && !suite.contains('-')).then_some(address)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mirror_is_that_of_the_system() {
        let known = "Else bookworm https://else.example/apt\n\
                     Debian bookworm-security http://mirror.example/debian-security/\n\
                     Debian bookworm http://mirror.example/debian/\n";
        assert_eq!(mirror(known), Some("http://mirror.example/debian/"));
        assert_eq!(mirror("Ubuntu noble http://mirror.example/ubuntu/\n"), None);
    }
}
