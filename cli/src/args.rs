//! The command line.

use std::path::PathBuf;

use clap::builder::NonEmptyStringValueParser;
use clap::{Args, Parser, Subcommand};
use session_store_conformance::Format;

/// Tools for session stores
#[derive(Debug, Parser)]
#[command(name = "session-store", version, after_help = EXAMPLES)]
pub(crate) struct CommandLine {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Check(Check),
}

/// Check that a store keeps the contract, clause by clause
#[derive(Args, Debug)]
#[command(after_help = AFTER_CHECK)]
pub(crate) struct Check {
    /// The store, as an application would name it: `memory:`, `sqlite:sessions.db`
    pub(crate) url: String,

    /// How to print what was found: text, json, junit or markdown
    #[arg(long, default_value = "text")]
    pub(crate) format: Format,

    /// Check only the clauses and cases whose names begin so: c07,a01
    #[arg(
        long,
        value_name = "NAMES",
        value_delimiter = ',',
        value_parser = NonEmptyStringValueParser::new()
    )]
    pub(crate) only: Vec<String>,

    /// Repeat the random choices of an earlier run, which printed this number
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,

    /// Write what was found into a file, not to the standard output
    #[arg(long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  session-store check memory:
  session-store check sqlite:sessions.db --only c07,a01
  session-store check sqlite:sessions.db --format junit --output report.xml";

const AFTER_CHECK: &str = "\
Exit status: 0 if the store kept every clause, 1 if it broke one, 2 if it could not be checked.";
