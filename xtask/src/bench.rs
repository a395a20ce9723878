//! `cargo xtask bench`: our stores beside others, in one run.

use crate::Failure;
use crate::cargo::{self, cargo, root};

/// What to measure.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Handed to the benchmark program; `--help` lists what it takes.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    rest: Vec<String>,
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let args = ["run", "--quiet", "--release", "--"]
        .into_iter()
        .chain(args.rest.iter().map(String::as_str));
    cargo::run(cargo().current_dir(root().join("benches")).args(args))
}
