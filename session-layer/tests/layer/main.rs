//! The layer through its public doors: an axum application around a real store.
#![allow(clippy::unwrap_used, reason = "a test panics on the unexpected")]

mod app;
mod atomic;
mod client;
mod cookies;
mod events;
mod faults;
mod gate;
mod hostile;
mod life_cycle;
mod options;
mod plain;
mod probe;
mod random;
mod tcp;
