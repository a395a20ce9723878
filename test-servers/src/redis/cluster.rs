//! Redis Cluster: three primaries and a replica of each.

use std::io;
use std::time::Duration;

use tokio::time::sleep;

use super::{ask, follows};
use crate::Kind;
use crate::builder::Settings;
use crate::node::{Node, Nodes};
use crate::port::SECOND;
use crate::proxy::FaultProxy;
use crate::source::Source;

const PRIMARIES: usize = 3;
const SLOTS: usize = 16_384;

/// How soon a server that does not answer is called dead. A primary on a loaded machine must not be.
const NODE_TIMEOUT: &str = "2000";

/// Starts six servers and makes them one cluster, as `redis-cli --cluster create` does, which need not
/// be installed.
pub(crate) async fn start(source: &Source, settings: &Settings) -> io::Result<Nodes> {
    let mut settings = settings.clone();
    let options = [
        "--cluster-enabled",
        "yes",
        "--cluster-node-timeout",
        NODE_TIMEOUT,
    ];
    settings.args.extend(options.map(str::to_owned));
    let mut nodes = Vec::new();
    for _ in 0..2 * PRIMARIES {
        nodes.push(Node::start_new(Kind::Redis, source, &settings).await?);
    }
    for (place, node) in nodes.iter().enumerate() {
        // Different epochs from the beginning save a quarrel about them.
        let epoch = (place + 1).to_string();
        ask(node, &["CLUSTER", "SET-CONFIG-EPOCH", &epoch]).await?;
        if place < PRIMARIES {
            let slots = SLOTS * place / PRIMARIES..SLOTS * (place + 1) / PRIMARIES;
            let slots: Vec<_> = slots.map(|slot| slot.to_string()).collect();
            let mut words = vec!["CLUSTER", "ADDSLOTS"];
            words.extend(slots.iter().map(String::as_str));
            ask(node, &words).await?;
        }
    }
    for node in &nodes[1..] {
        let port = node.launch()?.port.to_string();
        ask(&nodes[0], &["CLUSTER", "MEET", "127.0.0.1", &port]).await?;
    }
    for (place, node) in nodes.iter().enumerate().skip(PRIMARIES) {
        let primary = ask(&nodes[place - PRIMARIES], &["CLUSTER", "MYID"])
            .await?
            .text();
        // Refused until word of the primary has reached this one.
        while let Err(error) = ask(node, &["CLUSTER", "REPLICATE", &primary]).await {
            if !error.to_string().contains("Unknown node") {
                return Err(error);
            }
            sleep(Duration::from_millis(20)).await;
        }
    }
    Ok(Nodes::all_doors(nodes))
}

/// Whether each server that runs sees the others in place, all slots at primaries that run, and all
/// replicas follow.
pub(crate) async fn is_healthy(nodes: &[Node]) -> io::Result<bool> {
    for node in nodes.iter().filter(|node| node.is_running()) {
        let info = ask(node, &["CLUSTER", "INFO"]).await?.text();
        let view = ask(node, &["CLUSTER", "NODES"]).await?.text();
        let is_ok = info.lines().any(|line| line == "cluster_state:ok");
        let mut in_place = 0;
        for line in view.lines() {
            in_place += usize::from(is_in_place(line, nodes)?);
        }
        let is_whole = in_place == nodes.len();
        if !is_ok || !is_whole || !follows(node).await? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Has each server tell clients of the proxy at its place instead of itself. Word of it takes a while to
/// reach the others.
pub(crate) async fn announce(nodes: &[Node], proxies: &[FaultProxy]) -> io::Result<()> {
    for (node, proxy) in nodes.iter().zip(proxies) {
        let port = proxy.address().rsplit(':').next().unwrap_or_default();
        ask(node, &["CONFIG", "SET", "cluster-announce-port", port]).await?;
    }
    Ok(())
}

/// Whether each server tells clients of all these proxies.
pub(crate) async fn announces(nodes: &[Node], proxies: &[FaultProxy]) -> io::Result<bool> {
    for node in nodes {
        let view = ask(node, &["CLUSTER", "NODES"]).await?.text();
        let is_known = |proxy: &FaultProxy| view.contains(&format!(" {}@", proxy.address()));
        if !proxies.iter().all(is_known) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether a line of `CLUSTER NODES` is as it should be: `id ip:port@bus,… flags primary ping pong epoch
/// link slot…`. One that runs has slots or is a replica, one that does not has no slots any more.
///
/// A server is known by the port of its bus. The other one is that for a client like the one who asks:
/// where the ports speak TLS, newer servers tell a client at their socket 0.
fn is_in_place(line: &str, nodes: &[Node]) -> io::Result<bool> {
    let words: Vec<_> = line.split(' ').collect();
    let [_, address, flags, ..] = words[..] else {
        return Ok(false);
    };
    let bus = address.split(['@', ',']).nth(1).unwrap_or_default();
    let (has_slots, is_replica) = (words.len() > 8, flags.contains("slave"));
    for node in nodes {
        if (node.launch()?.port + SECOND).to_string() == bus {
            return Ok(node.is_running() == (has_slots || is_replica));
        }
    }
    Ok(false)
}
