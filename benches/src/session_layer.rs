//! session-layer: what a request costs that leaves its session alone, and one that uses it, beside
//! tower-sessions on the same store and koa-session.

use std::collections::BTreeMap;
use std::error::Error;

use interop::{Node, NodeError, Setting};
use session_store_memory::MemoryStore;
use session_store_redis::RedisStore;
use test_servers::{Kind, TestServer};

use crate::load::{Contestant, Plan, Verb};
use crate::report::{Section, Table};
use crate::session_layer::in_process::InProcess;
use crate::session_layer::site::Site;

mod apps;
mod in_process;
mod pages;
mod site;

const NOTE: &str = "One axum application, without sessions, with `session-layer` and with tower-sessions 0.15. An empty layer is what axum itself takes for any. \
                    In process: the time of its service alone. Over HTTP: 64 or fewer kept connections of one load generator, in the process \
                    of the axum applications; koa has a process of its own. All sessions are in one Redis, through `session-store-redis` but koa's, through ioredis. \
                    `session-layer` replaces a record only if nobody changed it meanwhile, which is a script in Redis; the others, and its row \
                    \"last write wins\", replace it anyhow. Its cookie is encrypted, that of tower-sessions is the bare id, koa's is signed.";

const EMPTY: &str = "axum with an empty layer";

pub async fn run(plan: Plan) -> Result<Vec<Section>, Box<dyn Error>> {
    let mut table = Table::new("session-layer", NOTE);
    let memory = MemoryStore::new();
    let layer = InProcess::new(apps::with_layer(memory.clone())?).await;
    let contestants = [
        Contestant::new("axum alone", layer.with_app(apps::alone())),
        Contestant::new(EMPTY, layer.with_app(apps::with_empty_layer())),
        Contestant::new("session-layer", layer),
        Contestant::new(
            "tower-sessions",
            InProcess::new(apps::with_tower_sessions(memory)).await,
        ),
    ];
    let work = ("session not used, in process", Verb::Get);
    table.measure(plan, work, &[1, 2], &contestants).await;

    let server = TestServer::builder(Kind::Redis).own().start().await?;
    let store = RedisStore::connect(server.url()).await?;
    let layer = Site::serve(apps::with_layer(store.clone())?).await?;
    let plain = Site::serve(apps::with_plain_layer(store.clone())?).await?;
    let tower = Site::serve(apps::with_tower_sessions(store)).await?;
    let alone = layer.with_app(apps::alone()).await?;
    let empty = layer.with_app(apps::with_empty_layer()).await?;
    let contestants = [
        Contestant::new("axum alone", alone.idle()),
        Contestant::new(EMPTY, empty.idle()),
        Contestant::new("session-layer", layer.idle()),
        Contestant::new("tower-sessions", tower.idle()),
    ];
    let work = ("session not used, over HTTP", Verb::Get);
    table.measure(plan, work, &[64], &contestants).await;

    let mut contestants = vec![
        Contestant::new("tower-sessions", tower),
        Contestant::new("session-layer", layer),
        Contestant::new("session-layer, last write wins", plain),
    ];
    let koa = koa(server.url()).await;
    match &koa {
        Ok(node) => {
            let site = Site::fill(([127, 0, 0, 1], node.port("koa"))).await?;
            contestants.push(Contestant::new("koa with koa-session", site));
        }
        Err(error) => println!("  without koa: {error}"),
    }
    for work in [
        ("session read, over HTTP", Verb::Get),
        ("session changed, over HTTP", Verb::Set),
    ] {
        table.measure(plan, work, &[1, 64], &contestants).await;
    }
    Ok(vec![table.section()])
}

/// The application of the interop tests.
async fn koa(redis: &str) -> Result<Node, NodeError> {
    let setting = Setting::new(&["a key"], &serde_json::json!({})).store(redis, "koa:");
    Node::koa(&BTreeMap::from([("koa", setting)])).await
}
