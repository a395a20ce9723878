#![doc = include_str!("../README.md")]

mod backend;
mod case;
mod cases;
mod clauses;
mod context;
mod control;
mod facts;
mod life;
mod linearizability;
mod model;
mod progress;
mod random;
mod remarks;
mod report;
mod run;
mod seed;
mod setup;
mod skew;
mod slot;
mod suite;
mod tasks;
mod trials;

pub use self::clauses::{CLAUSES, Clause};
pub use self::control::{Control, Fault};
pub use self::facts::Facts;
pub use self::model::Model;
pub use self::progress::Progress;
pub use self::report::{CaseReport, Format, Report, UnknownFormat, Verdict};
pub use self::setup::Setup;
pub use self::skew::Skew;
pub use self::suite::{BoxError, Suite};
pub use self::trials::main;
