//! A replica set of MongoDB: a primary, and secondaries that follow it.

use std::io;
use std::time::Duration;

use super::{ask, url_of};
use crate::Kind;
use crate::builder::Settings;
use crate::mongodb::bson::Bson;
use crate::node::{Node, Nodes};
use crate::source::Source;

/// The name of every set.
pub(super) const NAME: &str = "session-store";

/// What a server says of itself that takes writes.
const PRIMARY: &str = "isWritablePrimary";

/// How soon a primary that is not heard of is called dead. One on a loaded machine must not be.
const ELECTION: Duration = Duration::from_secs(2);

/// For how many seconds a primary that was told to step down does not stand for election: long enough
/// for another to win it, on a loaded machine too.
const DOWN: i32 = 30;

/// The same where there is no other.
const DOWN_ALONE: i32 = 2;

/// Starts servers and makes them one set, whose first primary is the first of them.
pub(crate) async fn start(source: &Source, settings: &Settings, size: usize) -> io::Result<Nodes> {
    let mut nodes = Vec::new();
    for _ in 0..size {
        nodes.push(Node::start_new(Kind::MongoDb, source, settings).await?);
    }
    let members = nodes.iter().zip(0..).map(|(node, place)| {
        Bson::document([
            ("_id", Bson::Int32(place)),
            ("host", Bson::String(node.address().to_owned())),
        ])
    });
    let timing = Bson::document([
        ("electionTimeoutMillis", millis(ELECTION)),
        ("heartbeatIntervalMillis", millis(ELECTION / 4)),
    ]);
    let set = Bson::document([
        ("_id", Bson::String(NAME.to_owned())),
        ("members", Bson::Array(members.collect())),
        ("settings", timing),
    ]);
    ask(&nodes[0], [("replSetInitiate", set)]).await?;
    let addresses: Vec<_> = nodes.iter().map(Node::address).collect();
    let url = url_of(
        &addresses.join(","),
        settings,
        nodes[0].certificates(),
        Some(("replicaSet", NAME)),
    );
    let nodes = Nodes::all_doors(nodes);
    Ok(Nodes {
        url: Some(url),
        ..nodes
    })
}

/// Whether the servers that run agree on a primary that runs, and the others follow it.
pub(crate) async fn is_healthy(nodes: &[Node]) -> io::Result<bool> {
    let mut views = Vec::new();
    for node in nodes.iter().filter(|node| node.is_running()) {
        views.push((node, ask(node, [("hello", Bson::Int32(1))]).await?));
    }
    // One that was just elected says that it is the primary before it takes writes.
    let primary = views.iter().find(|(_, view)| view.is(PRIMARY));
    let Some((primary, _)) = primary else {
        return Ok(false);
    };
    let mut views = views.iter().map(|(_, view)| view);
    Ok(views.all(|view| {
        let is_member = view.is(PRIMARY) || view.is("secondary");
        is_member && view.text("primary") == primary.address()
    }))
}

/// The server that is primary now.
pub(crate) async fn primary(nodes: &[Node]) -> io::Result<&Node> {
    for node in nodes.iter().filter(|node| node.is_running()) {
        let view = ask(node, [("hello", Bson::Int32(1))]).await?;
        if view.is(PRIMARY) {
            return Ok(node);
        }
    }
    Err(io::Error::new(
        io::ErrorKind::NotFound,
        "no server is primary just now",
    ))
}

/// Tells the primary to be one no more.
pub(crate) async fn step_down(nodes: &[Node]) -> io::Result<()> {
    let primary = primary(nodes).await?;
    let down = if nodes.len() == 1 { DOWN_ALONE } else { DOWN };
    let command = [
        ("replSetStepDown", Bson::Int32(down)),
        ("secondaryCatchUpPeriodSecs", Bson::Int32(down / 2)),
        // If it is alone too.
        ("force", Bson::Bool(true)),
    ];
    ask(primary, command).await.map(drop)
}

fn millis(duration: Duration) -> Bson {
    Bson::Int32(i32::try_from(duration.as_millis()).unwrap_or(i32::MAX))
}
