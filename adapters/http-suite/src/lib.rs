#![doc = include_str!("../README.md")]

mod browser;
mod cases;
mod gate;
mod ground;
mod keys;
mod site;
mod suite;

pub use self::gate::Gate;
pub use self::site::Site;
pub use self::suite::{main, main_except};
