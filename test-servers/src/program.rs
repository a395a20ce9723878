//! Finding a program on this machine.

use std::cmp::Reverse;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

use crate::Kind;

/// Where servers are installed without being on the path of everybody.
const FOLDERS: &[&str] = &[
    "/usr/local/sbin",
    "/usr/sbin",
    "/sbin",
    "/usr/local/bin",
    "/opt/homebrew/bin",
];

/// Debian has a folder for each version of Postgres in this one.
const POSTGRES: &str = "/usr/lib/postgresql";

/// Where `cargo xtask` keeps servers that no package has, and we our templates.
pub(crate) const KEPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/servers");

/// The program of a kind: the one that its variable names, or the first one found.
///
/// # Errors
///
/// If the variable names what is not there: that is a mistake, and not a machine without a server.
pub(crate) fn of(kind: Kind) -> io::Result<Option<PathBuf>> {
    let variable = kind.program_variable();
    match env::var_os(&variable).filter(|path| !path.is_empty()) {
        Some(path) if Path::new(&path).is_file() => Ok(Some(path.into())),
        Some(path) => Err(io::Error::new(
            io::ErrorKind::NotFound,
            format!("{variable} names {}, which is no file", path.display()),
        )),
        None => Ok(kind.programs().iter().find_map(|name| find(name))),
    }
}

/// A program of this name, on the path or in a well-known folder.
pub(crate) fn find(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .chain(FOLDERS.iter().map(PathBuf::from))
        .chain(postgres())
        .chain([PathBuf::from(KEPT)])
        .map(|folder| folder.join(name))
        .find(|program| program.is_file())
}

/// A program that comes with another one and is beside it, or, if not, anywhere.
///
/// # Errors
///
/// If it is nowhere.
pub(crate) fn beside(program: &Path, name: &str) -> io::Result<PathBuf> {
    let beside = program.canonicalize()?.with_file_name(name);
    let found = Some(beside).filter(|path| path.is_file());
    found.or_else(|| find(name)).ok_or_else(|| {
        let message = format!("{} is here, but not its {name}", program.display());
        io::Error::new(io::ErrorKind::NotFound, message)
    })
}

/// The folders with the programs of Postgres, the newest version first.
fn postgres() -> impl Iterator<Item = PathBuf> {
    let entries = fs::read_dir(POSTGRES).into_iter().flatten().flatten();
    let mut versions: Vec<_> = entries.map(|entry| entry.path()).collect();
    versions.sort_by_key(|path| {
        let version = path.file_name().unwrap_or_default().to_string_lossy();
        Reverse(version.parse::<u32>().unwrap_or(0))
    });
    versions.into_iter().map(|version| version.join("bin"))
}
