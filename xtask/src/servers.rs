//! The servers that the tests run, and the browser.
//!
//! The tests themselves find a server, and say where it is missing; the crate `test-servers` knows how.
//! Here they are put where they will be found, as far as that can be done without asking anybody.

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::Failure;
use crate::cargo::{self, Dependency, Package};
use crate::servers::images::Engine;

mod chromium;
mod debian;
mod images;
mod mongod;
mod npm;
pub(crate) mod other;

/// A server that tests need.
struct Server {
    kind: &'static str,
    /// What the program may be called.
    programs: &'static [&'static str],
    /// The package of Debian and Ubuntu that holds it; MongoDB is in none.
    package: Option<&'static str>,
}

const SERVERS: &[Server] = &[
    Server {
        kind: "redis",
        programs: &["redis-server", "valkey-server"],
        package: Some("redis-server"),
    },
    Server {
        kind: "postgres",
        programs: &["postgres"],
        package: Some("postgresql"),
    },
    Server {
        kind: "mysql",
        programs: &["mariadbd", "mysqld"],
        package: Some("mariadb-server"),
    },
    Server {
        kind: "memcached",
        programs: &["memcached"],
        package: Some("memcached"),
    },
    Server {
        kind: "mongodb",
        programs: &["mongod"],
        package: None,
    },
];

/// For tests whose own clock is off; every kind of server has them.
const FAKETIME: &str = "faketime";

/// Where programs are that are not on the path of everybody.
const FOLDERS: &[&str] = &["/usr/local/sbin", "/usr/sbin", "/sbin", "/opt/homebrew/bin"];

/// Debian has a folder for each version of Postgres in this one, and none of them on the path.
const POSTGRES: &str = "/usr/lib/postgresql";

/// Where servers are kept that are in no package, at the root of the workspace. The tests look there.
const KEPT: &str = "target/servers";

/// The names of the packages whose tests need servers, or the browser: by themselves, or by what they are
/// built of.
pub(crate) fn needed_by(packages: &[Package]) -> BTreeSet<String> {
    let mut libraries = BTreeSet::from([cargo::SERVERS.to_owned(), chromium::PACKAGE.to_owned()]);
    let names = |libraries: &BTreeSet<String>, is: fn(&Dependency) -> bool| {
        let has = |package: &&Package| {
            let mut dependencies = package.dependencies.iter();
            dependencies.any(|needed| is(needed) && libraries.contains(&needed.name))
        };
        let names = packages.iter().filter(has);
        names
            .map(|package| package.name.clone())
            .collect::<Vec<_>>()
    };
    loop {
        let known = libraries.len();
        libraries.extend(names(&libraries, |dependency| dependency.normal));
        if libraries.len() == known {
            libraries.extend(names(&libraries, |_| true));
            return libraries;
        }
    }
}

/// The servers that the chosen tests need, installed or, as containers, within reach.
pub(crate) struct Servers {
    /// Ends when the tests have.
    engine: Option<Engine>,
}

impl Servers {
    /// Makes ready what the tests of these packages want, all of which need servers.
    ///
    /// # Errors
    ///
    /// If a server or the browser is missing and cannot be installed, or there is no container engine.
    pub(crate) fn ready(packages: &[&str], containers: bool) -> Result<Self, Failure> {
        let is_needed = |server: &&Server| packages.iter().any(|package| server.serves(package));
        let servers: Vec<_> = SERVERS.iter().filter(is_needed).collect();
        ensure(&servers)?;
        if packages.contains(&npm::PACKAGE) {
            npm::ensure()?;
        }
        if packages.contains(&chromium::PACKAGE) {
            chromium::ensure()?;
        }
        let engine = containers && !servers.is_empty();
        let engine = engine.then(|| Engine::with_images(&servers)).transpose()?;
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

impl Server {
    /// Whether the tests of a package want it: those of a store want the one that it is named after,
    /// those in the browser want none, others want all.
    fn serves(&self, package: &str) -> bool {
        let is_of = |server: &Self| package.ends_with(&format!("-{}", server.kind));
        // Memcached's ask what the store says of a server that is none.
        let is_other = self.kind == "redis" && package.ends_with("-memcached");
        is_of(self) || is_other || !(package == chromium::PACKAGE || SERVERS.iter().any(is_of))
    }

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

/// Makes sure that these servers can be found, and installs the missing ones. If none is missing it does
/// nothing and says nothing.
fn ensure(servers: &[&Server]) -> Result<(), Failure> {
    let missing = || servers.iter().filter(|server| !server.is_here());
    let mut packages: Vec<_> = missing().filter_map(|server| server.package).collect();
    if !servers.is_empty() && find(FAKETIME).is_none() {
        packages.push(FAKETIME);
    }
    if !packages.is_empty() {
        debian::ensure(
            &packages,
            "name running servers in SESSION_STORE_<KIND>_URL",
        )?;
    }
    if missing().any(|server| server.package.is_none()) {
        mongod::fetch()?;
    }
    match missing().next() {
        None => Ok(()),
        Some(Server { kind, .. }) => {
            Err(format!("all was installed, and there is still no {kind}").into())
        }
    }
}

/// A program of this name, on the path or in a well-known folder.
fn find(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let postgres = fs::read_dir(POSTGRES).into_iter().flatten().flatten();
    env::split_paths(&path)
        .chain(FOLDERS.iter().map(PathBuf::from))
        .chain(postgres.map(|version| version.path().join("bin")))
        .chain([cargo::root().join(KEPT)])
        .map(|folder| folder.join(name))
        .find(|program| program.is_file())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_gets_its_server_and_no_other() {
        let kinds = |package| {
            let servers = SERVERS.iter().filter(|server| server.serves(package));
            servers.map(|server| server.kind).collect::<Vec<_>>()
        };
        assert_eq!(kinds("session-store-redis"), ["redis"]);
        assert_eq!(kinds("session-store-memcached"), ["redis", "memcached"]);
        assert_eq!(kinds("test-servers").len(), SERVERS.len());
        assert!(kinds(chromium::PACKAGE).is_empty());
    }

    #[test]
    fn who_needs_servers_is_known_by_what_it_is_built_of() {
        let package = |name: &str, needed: &str, normal| Package {
            id: String::new(),
            name: name.to_owned(),
            folder: PathBuf::new(),
            workspace: PathBuf::new(),
            published: false,
            doctested: false,
            features: Vec::new(),
            dependencies: vec![Dependency {
                name: needed.to_owned(),
                normal,
                optional: false,
            }],
        };
        let packages = [
            package("adapter", "suite", false),
            package("suite", cargo::SERVERS, true),
            package("store", cargo::SERVERS, false),
            // What the tests of a library need is none of its users' concern.
            package("application", "store", true),
        ];
        let expected = [
            "adapter",
            chromium::PACKAGE,
            "store",
            "suite",
            cargo::SERVERS,
        ];
        assert!(needed_by(&packages).iter().eq(expected));
    }
}
