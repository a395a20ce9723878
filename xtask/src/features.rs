//! `cargo xtask features`: a feature only adds, so each must compile alone, and none must too.

use crate::Failure;
use crate::cargo::{self, cargo_in, packages};

pub(crate) fn run() -> Result<(), Failure> {
    for package in packages()? {
        if !package.published {
            continue;
        }
        let alone = package
            .features
            .iter()
            .filter(|name| *name != "default")
            .map(String::as_str);
        for feature in alone.chain([""]) {
            println!("{} with feature {feature:?} alone", package.name);
            let args = [
                "check",
                "--quiet",
                "--no-default-features",
                "--features",
                feature,
            ];
            let mut check = cargo_in(&package.workspace);
            cargo::run(check.args(args).args(["--package", &package.name]))?;
        }
    }
    Ok(())
}
