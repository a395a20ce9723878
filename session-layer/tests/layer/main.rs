//! The layer through its public doors: an axum application around a real store.
#![allow(clippy::unwrap_used, reason = "a test panics on the unexpected")]

mod accept;
mod app;
mod atomic;
mod client;
mod cookie_mode;
mod cookies;
mod events;
mod faults;
mod fuzz;
mod gate;
mod hostile;
mod life_cycle;
mod options;
mod parity;
mod plain;
mod probe;
mod properties;
mod random;
mod scope;
mod services;
mod tcp;
mod untouched;
