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
            let mut said = error.to_string();
            eprintln!("session-store: {said}");
            let mut cause = error.source();
            while let Some(error) = cause {
                let says = error.to_string();
                // Some errors only wrap another, and say the same.
                if says != said {
                    eprintln!("  because: {says}");
                }
                (said, cause) = (says, error.source());
            }
            ExitCode::from(2)
        }
    }
}
