//! Empty databases to copy.
//!
//! Some servers take a second to make one, which is many on a busy machine, and it is the same each
//! time: the first is kept.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::path::Path;
use std::process::{Command, Stdio};
use std::{fs, io};

use rustix::process::geteuid;
use tempfile::TempDir;

use crate::engine::Launch;
use crate::process::{give_away, run_as};
use crate::program::KEPT;

/// Makes the folder `data` of a server by a command, to which `option` tells it, or by copying what the
/// same command made before.
///
/// # Errors
///
/// If the command fails: with what it said.
pub(crate) fn fill(
    launch: &Launch,
    data: &Path,
    command: &mut Command,
    option: &str,
) -> io::Result<()> {
    let kept = Path::new(KEPT).join(name(command)?);
    if kept.is_dir() {
        return copy(&kept, data);
    }
    if let Some(user) = launch.user {
        give_away(&launch.folder, user)?;
        run_as(command, user);
    }
    command
        .arg(format!("{option}{}", data.display()))
        .current_dir(&launch.folder)
        .stdin(Stdio::null());
    let output = command.output()?;
    if !output.status.success() {
        let program = command.get_program().display();
        let said = [output.stdout, output.stderr].concat();
        let message = format!("{program} failed:\n{}", String::from_utf8_lossy(&said));
        return Err(io::Error::other(message));
    }
    keep(data, &kept)
}

/// A name for all that decides what the command makes: the program as it is now, and its words.
fn name(command: &Command) -> io::Result<String> {
    let program = Path::new(command.get_program());
    let file = program.metadata()?;
    let mut hasher = DefaultHasher::new();
    // Another user could not read it.
    let user = geteuid().as_raw();
    (program, file.modified()?, file.len(), user).hash(&mut hasher);
    command.get_args().for_each(|word| word.hash(&mut hasher));
    let name = program.file_name().unwrap_or_default().to_string_lossy();
    Ok(format!("{name}-{:016x}", hasher.finish()))
}

/// Keeps a copy, whole or not at all. Somebody else may have kept theirs meanwhile, which is as good.
fn keep(data: &Path, kept: &Path) -> io::Result<()> {
    fs::create_dir_all(KEPT)?;
    let new = TempDir::with_prefix_in("new-", KEPT)?;
    let whole = new.path().join("data");
    copy(data, &whole)?;
    match fs::rename(&whole, kept) {
        Err(error) if !kept.is_dir() => Err(error),
        _ => Ok(()),
    }
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir(to)?;
    fs::set_permissions(to, from.metadata()?.permissions())?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if entry.file_type()?.is_dir() {
            copy(&from, &to)?;
        } else {
            fs::copy(&from, &to)?;
        }
    }
    Ok(())
}
