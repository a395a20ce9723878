#![doc = include_str!("../README.md")]

mod builder;
mod clock;
#[cfg(feature = "containers")]
mod container;
mod engine;
mod error;
mod external;
mod kind;
mod node;
mod port;
mod process;
mod program;
mod proxy;
mod reaper;
mod redis;
mod resp;
mod server;
mod source;
mod tls;

pub use self::builder::TestServerBuilder;
pub use self::clock::ClockRun;
pub use self::error::{StartError, Unavailable};
pub use self::kind::Kind;
pub use self::node::Node;
pub use self::proxy::{Counts, FaultProxy, ProxyFault};
pub use self::redis::SENTINEL_SERVICE;
pub use self::resp::{Reply, RespClient};
pub use self::server::TestServer;
pub use self::tls::Certificates;
