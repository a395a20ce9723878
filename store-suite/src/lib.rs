#![doc = include_str!("../README.md")]

mod elsewhere;
mod power;
mod server;
mod suites;

pub use self::elsewhere::Elsewhere;
pub use self::power::{Power, Refuse};
pub use self::server::SharedServer;
pub use self::suites::main;
