#![doc = include_str!("../README.md")]

mod builder;
mod clock;
#[cfg(feature = "containers")]
mod container;
mod engine;
mod error;
mod family;
mod kind;
mod memcached;
mod mongodb;
mod mysql;
mod node;
mod port;
mod postgres;
mod process;
mod program;
mod proxy;
mod reaper;
mod redis;
mod report;
mod resp;
mod server;
mod source;
mod stream;
mod template;
mod tls;
mod url;

pub use self::builder::TestServerBuilder;
pub use self::clock::ClockRun;
pub use self::error::{StartError, Unavailable};
pub use self::kind::Kind;
pub use self::mongodb::bson::Bson;
pub use self::mongodb::client::MongoClient;
pub use self::node::Node;
pub use self::proxy::{Counts, FaultProxy, ProxyFault};
pub use self::redis::SENTINEL_SERVICE;
pub use self::resp::{Reply, RespClient};
pub use self::server::TestServer;
pub use self::tls::Certificates;
