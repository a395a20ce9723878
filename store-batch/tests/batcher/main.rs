//! The promises of a batcher, kept through its public door.
#![allow(clippy::unwrap_used, reason = "a test panics on the unexpected")]

mod batches;
mod callers;
mod failures;
mod history;
mod linearization;
mod lone;
mod random;
mod recorder;
mod registers;
mod runtimes;
