//! Finding a program on this machine.

use std::path::{Path, PathBuf};
use std::{env, io};

use crate::Kind;

/// Where servers are installed without being on the path of everybody.
const FOLDERS: &[&str] = &[
    "/usr/local/sbin",
    "/usr/sbin",
    "/sbin",
    "/usr/local/bin",
    "/opt/homebrew/bin",
];

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
        .map(|folder| folder.join(name))
        .find(|program| program.is_file())
}
