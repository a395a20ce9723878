//! `cargo xtask`: the chores of this repository.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

mod bench;
mod cargo;
mod features;
mod lint;
mod servers;
mod test;
mod tidy;

/// What went wrong, in words for the terminal.
type Failure = Box<dyn std::error::Error>;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "The chores of this repository")]
struct Args {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Build and run every test, and print one table.
    Test(test::Args),
    /// Fetch another version of a server, and print where it is: what `SESSION_STORE_<KIND>_BIN` takes.
    Server(servers::other::Args),
    /// Measure our stores beside others and print ratios.
    Bench(bench::Args),
    /// Check every crate with rustfmt, clippy and rustdoc; a warning is an error.
    Lint,
    /// Check that every feature of every crate compiles alone.
    Features,
    /// Check the invariants of ARCHITECTURE.md and the house rules that no compiler checks.
    Tidy,
}

fn main() -> ExitCode {
    let done = match Args::parse().chore {
        Chore::Test(args) => test::run(&args),
        Chore::Server(args) => servers::other::run(&args),
        Chore::Bench(args) => bench::run(&args),
        Chore::Lint => lint::run(),
        Chore::Features => features::run(),
        Chore::Tidy => tidy::run(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("\nerror: {failure}");
            ExitCode::FAILURE
        }
    }
}
