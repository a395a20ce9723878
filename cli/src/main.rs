#![doc = include_str!("../README.md")]

mod args;
mod check;
mod target;

use std::process::ExitCode;

use clap::Parser;

use crate::args::{Command, CommandLine};

#[tokio::main]
async fn main() -> ExitCode {
    let Command::Check(args) = CommandLine::parse().command;
    match check::run(&args).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            eprintln!("session-store: {error}");
            let mut cause = error.source();
            while let Some(error) = cause {
                eprintln!("  because: {error}");
                cause = error.source();
            }
            ExitCode::from(2)
        }
    }
}
