#![doc = include_str!("../README.md")]

mod browser;
mod hooks;
mod node;
mod rust;

pub use self::browser::{Browser, Page};
pub use self::hooks::{bound, in_header, in_hex};
pub use self::node::{Node, NodeError, Setting};
pub use self::rust::{Gate, serve};
