//! The Node packages that the interop tests run against, at the versions of their lock files.

use std::process::Command;

use super::{find, quietly};
use crate::Failure;
use crate::cargo::root;

/// The package whose tests want them.
pub(crate) const PACKAGE: &str = "interop";

/// The folders with a lock file, in that of the package.
const FOLDERS: &[&str] = &["node/koa", "node/egg3", "node/egg4"];

/// Installs what is missing. A second run does nothing.
///
/// # Errors
///
/// If there is no npm, or it fails.
pub(crate) fn ensure() -> Result<(), Failure> {
    for folder in FOLDERS {
        let folder = root().join(PACKAGE).join(folder);
        if folder.join("node_modules/.package-lock.json").is_file() {
            continue;
        }
        let Some(npm) = find("npm") else {
            return Err("the tests of interop need Node 20 and npm: install them, or leave these tests out with `--only`".into());
        };
        println!("Installing the Node packages of {} …", folder.display());
        let ci = ["ci", "--ignore-scripts", "--no-audit", "--no-fund"];
        quietly(Command::new(npm).args(ci).current_dir(&folder))?;
    }
    Ok(())
}
