//! Our stores beside others: the same work, interleaved in one run, so that only ratios count.

use std::error::Error;
use std::time::Duration;

use clap::Parser;

mod load;
mod memory;
mod report;
mod sqlite;

/// Our stores beside others, in one run: medians and ratios.
#[derive(Parser)]
#[command(name = "cargo xtask bench")]
struct Args {
    /// Measure these groups alone.
    #[arg(
        long,
        value_delimiter = ',',
        value_name = "GROUP,…",
        default_value = "memory,sqlite"
    )]
    only: Vec<String>,
    /// How often each is measured; the median counts.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// How many milliseconds one measurement takes.
    #[arg(long, default_value_t = 800)]
    millis: u64,
    /// Also write the tables as Markdown to this file.
    #[arg(long, value_name = "FILE")]
    output: Option<std::path::PathBuf>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let args = Args::parse();
    let plan = load::Plan {
        rounds: args.rounds.max(1),
        window: Duration::from_millis(args.millis),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let mut tables = Vec::new();
    for group in &args.only {
        match group.as_str() {
            "memory" => tables.extend(runtime.block_on(memory::run(&plan))?),
            "sqlite" => tables.extend(runtime.block_on(sqlite::run(&plan))?),
            other => return Err(format!("--only {other}: the groups are memory and sqlite").into()),
        }
    }
    if let Some(file) = args.output {
        std::fs::write(file, report::markdown(&tables))?;
    }
    Ok(())
}
