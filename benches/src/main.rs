#![doc = include_str!("../README.md")]

use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Parser, ValueEnum};

use crate::load::Plan;
use crate::report::Section;

mod chart;
mod growth;
mod load;
mod machine;
mod memcached;
mod memory;
mod mongodb;
mod mysql;
mod ours;
mod page;
mod postgres;
mod redis;
mod report;
mod session_layer;
mod sqlite;
mod theirs;
mod tower_sessions;

/// Our stores beside others, in one run: medians and ratios.
#[derive(Parser)]
#[command(name = "cargo xtask bench")]
struct Args {
    /// Measure these groups alone.
    #[arg(long, value_delimiter = ',', value_name = "GROUP,…")]
    only: Vec<Group>,
    /// How often each is measured; the median counts.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// How many milliseconds one measurement takes.
    #[arg(long, default_value_t = 400)]
    millis: u64,
    /// Also write the tables as Markdown to this file, and charts into a folder beside it. A relative
    /// path begins at the root of the repository.
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// In the order of the page.
#[derive(Clone, Copy, ValueEnum)]
enum Group {
    Memory,
    Sqlite,
    Redis,
    Postgres,
    Mysql,
    Memcached,
    Mongodb,
    SessionLayer,
    TowerSessions,
    Growth,
}

impl Group {
    async fn run(self, plan: Plan) -> Result<Vec<Section>, Box<dyn Error>> {
        match self {
            Self::Memory => memory::run(plan).await,
            Self::Sqlite => sqlite::run(plan).await,
            Self::Redis => redis::run(plan).await,
            Self::Postgres => postgres::run(plan).await,
            Self::Mysql => mysql::run(plan).await,
            Self::Memcached => memcached::run(plan).await,
            Self::Mongodb => mongodb::run(plan).await,
            Self::SessionLayer => session_layer::run(plan).await,
            Self::TowerSessions => tower_sessions::run(plan).await,
            Self::Growth => growth::run(plan).await,
        }
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let args = Args::parse();
    let plan = Plan {
        rounds: args.rounds.max(1),
        window: Duration::from_millis(args.millis),
    };
    let machine = machine::describe();
    println!("{machine}\n");
    let mut sections = Vec::new();
    let all = Group::value_variants().to_vec();
    for group in if args.only.is_empty() { all } else { args.only } {
        // A runtime each, so that nothing of one group runs beside another.
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()?;
        sections.extend(runtime.block_on(group.run(plan))?);
    }
    if let Some(file) = args.output {
        // `cargo xtask bench` runs it here, wherever it was called.
        let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
        page::write(&root.join(file), &machine, plan, &sections)?;
    }
    Ok(())
}
