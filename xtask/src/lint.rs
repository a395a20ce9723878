//! `cargo xtask lint`: rustfmt, clippy and rustdoc over everything; a warning is an error.

use crate::Failure;
use crate::cargo::{self, cargo_in, packages, selection, workspaces};

pub(crate) fn run() -> Result<(), Failure> {
    let mut done = Ok(());
    for (workspace, packages) in workspaces(&packages()?) {
        let chosen = selection(packages, false);
        let mut fmt = cargo_in(workspace);
        fmt.args(["fmt", "--all", "--check"]);
        let mut clippy = cargo_in(workspace);
        clippy.args(["clippy", "--quiet", "--all-targets"]);
        clippy.args(&chosen).args(["--", "--deny", "warnings"]);
        let mut doc = cargo_in(workspace);
        doc.args(["doc", "--quiet", "--no-deps"]).args(&chosen);
        doc.env("RUSTDOCFLAGS", "--deny warnings");
        for tool in [&mut fmt, &mut clippy, &mut doc] {
            // Each, also after one that found something.
            done = done.and(cargo::run(tool));
        }
    }
    done
}
