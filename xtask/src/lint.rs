//! `cargo xtask lint`: clippy and rustdoc over everything; a warning is an error.

use crate::Failure;
use crate::cargo::{self, cargo, packages, selection};

pub(crate) fn run() -> Result<(), Failure> {
    let selection = selection(&packages()?, false);
    let clippy = ["clippy", "--quiet", "--all-targets"];
    cargo::run(
        cargo()
            .args(clippy)
            .args(&selection)
            .args(["--", "--deny", "warnings"]),
    )?;
    let doc = ["doc", "--quiet", "--no-deps"];
    cargo::run(
        cargo()
            .args(doc)
            .args(&selection)
            .env("RUSTDOCFLAGS", "--deny warnings"),
    )
}
