//! Redis with Sentinel: a primary, its replica, and three that watch them.

use std::io;

use super::{SENTINEL_SERVICE, ask, follows};
use crate::Kind;
use crate::builder::{Role, Settings};
use crate::node::{Node, Nodes};
use crate::resp::Reply;
use crate::source::Source;

/// What a sentinel is set to, besides what every server is.
pub(super) fn options(primary: u16, settings: &Settings) -> Vec<(&'static str, String)> {
    let of_service = |setting: &str| format!("{setting} {SENTINEL_SERVICE}");
    let mut lines = vec![
        format!("{} 127.0.0.1 {primary} 2", of_service("monitor")),
        format!("{} 1000", of_service("down-after-milliseconds")),
        format!("{} 5000", of_service("failover-timeout")),
    ];
    if let Some(password) = &settings.password {
        lines.push(format!("{} {password:?}", of_service("auth-pass")));
    }
    lines.into_iter().map(|line| ("sentinel", line)).collect()
}

pub(crate) async fn start(source: &Source, settings: &Settings) -> io::Result<Nodes> {
    let primary = Node::start_new(Kind::Redis, source, settings).await?;
    let port = primary.launch()?.port;
    let mut replica = settings.clone();
    replica
        .args
        .extend(["--replicaof", "127.0.0.1", &port.to_string()].map(str::to_owned));
    let mut nodes = vec![
        primary,
        Node::start_new(Kind::Redis, source, &replica).await?,
    ];
    let mut sentinel = settings.clone();
    sentinel.role = Role::Sentinel(port);
    for _ in 0..3 {
        nodes.push(Node::start_new(Kind::Redis, source, &sentinel).await?);
    }
    Ok(Nodes {
        doors: 2..5,
        ..Nodes::all_doors(nodes)
    })
}

/// Whether all sentinels that run know of one another and of the replica, and send clients to the same
/// primary, and whether that runs and the other one, if it runs, follows it.
pub(crate) async fn is_healthy(nodes: &[Node]) -> io::Result<bool> {
    let (data, sentinels) = nodes.split_at(2);
    let mut primary = None;
    for node in data.iter().filter(|node| node.is_running()) {
        let role = fields(ask(node, &["ROLE"]).await?);
        let is_primary = role.first().is_some_and(|role| role == "master");
        if is_primary && primary.replace(node).is_some() || !follows(node).await? {
            return Ok(false);
        }
    }
    let Some(primary) = primary else {
        return Ok(false);
    };
    let expected = [
        ("port", primary.launch()?.port.to_string()),
        ("flags", "master".to_owned()),
        ("num-other-sentinels", "2".to_owned()),
        ("num-slaves", "1".to_owned()),
    ];
    for node in sentinels.iter().filter(|node| node.is_running()) {
        let view = fields(ask(node, &["SENTINEL", "MASTER", SENTINEL_SERVICE]).await?);
        let has = |(name, value): &(&str, String)| {
            let mut pairs = view.chunks(2);
            pairs.any(|pair| matches!(pair, [n, v] if n == name && v == value))
        };
        if !expected.iter().all(has) {
            return Ok(false);
        }
    }
    Ok(true)
}

fn fields(reply: Reply) -> Vec<String> {
    match reply {
        Reply::Array(fields) => fields.iter().map(Reply::text).collect(),
        _ => Vec::new(),
    }
}
