//! Which node has which slot.

use std::collections::HashMap;
use std::ops::RangeInclusive;
use std::sync::Arc;

use redis::Value;
use session_store_api::Result;

use crate::address::Address;
use crate::dial::{Dial, Manner};
use crate::link::Link;

/// Which node has which slot, and a link to each.
#[derive(Clone, Default)]
pub(crate) struct Map {
    owners: Vec<(Slots, Arc<Node>)>,
    nodes: HashMap<Address, Arc<Node>>,
}

/// Slots that follow one another. Of 64 bits, as the driver reads numbers.
pub(crate) type Slots = RangeInclusive<i64>;

/// A node, and the link to it.
pub(crate) struct Node {
    pub(crate) address: Address,
    pub(crate) link: Link,
}

impl Map {
    /// The primary that has this slot.
    pub(crate) fn owner(&self, slot: u16) -> Option<Arc<Node>> {
        let has = |(slots, _): &&(Slots, _)| slots.contains(&slot.into());
        self.owners
            .iter()
            .find(has)
            .map(|(_, node)| Arc::clone(node))
    }

    /// The node at this address, be it new.
    pub(crate) fn node(&mut self, address: Address, manner: &Manner) -> Result<Arc<Node>> {
        if let Some(node) = self.nodes.get(&address) {
            return Ok(Arc::clone(node));
        }
        let dial = Dial::server(manner.client(&address)?, manner.connect_timeout);
        let link = Link::new(dial);
        let node = Arc::new(Node {
            address: address.clone(),
            link,
        });
        self.nodes.insert(address, Arc::clone(&node));
        Ok(node)
    }

    /// All nodes that there are links to, in no order.
    pub(crate) fn nodes(&self) -> impl Iterator<Item = &Arc<Node>> {
        self.nodes.values()
    }

    /// The same nodes with other slots. Who has none any more is forgotten.
    pub(crate) fn redrawn(&self, owners: Vec<(Slots, Address)>, manner: &Manner) -> Result<Self> {
        let mut map = Self::default();
        for (slots, address) in owners {
            if let Some(node) = self.nodes.get(&address) {
                map.nodes.insert(address.clone(), Arc::clone(node));
            }
            let node = map.node(address, manner)?;
            map.owners.push((slots, node));
        }
        Ok(map)
    }
}

/// Reads what `CLUSTER SLOTS` answered: `[[first, last, [host, port, …], replicas …], …]`.
///
/// A node that does not know its own name leaves it out; then it is the one by which it was asked.
pub(crate) fn owners(answer: &Value, asked: &str) -> Option<Vec<(Slots, Address)>> {
    let Value::Array(rows) = answer else {
        return None;
    };
    rows.iter().map(|row| owner(row, asked)).collect()
}

fn owner(row: &Value, asked: &str) -> Option<(Slots, Address)> {
    let Value::Array(row) = row else { return None };
    let [
        Value::Int(first),
        Value::Int(last),
        Value::Array(primary),
        ..,
    ] = &row[..]
    else {
        return None;
    };
    let [host, Value::Int(port), ..] = &primary[..] else {
        return None;
    };
    let host = match host {
        Value::BulkString(host) => std::str::from_utf8(host).ok()?,
        Value::SimpleString(host) => host,
        _ => "",
    };
    let is_known = !host.is_empty() && host != "?";
    let address = Address {
        host: if is_known { host } else { asked }.to_owned(),
        port: u16::try_from(*port).ok()?,
    };
    Some((*first..=*last, address))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(host: Value, port: i64) -> Value {
        Value::Array(vec![
            host,
            Value::Int(port),
            Value::BulkString(b"id".into()),
        ])
    }

    fn slots(first: i64, last: i64, primary: Value) -> Value {
        let replica = node(Value::BulkString(b"replica".into()), 1);
        Value::Array(vec![Value::Int(first), Value::Int(last), primary, replica])
    }

    #[test]
    fn a_node_without_a_name_is_the_one_that_was_asked() {
        let answer = Value::Array(vec![
            slots(0, 9, node(Value::BulkString(b"a".into()), 7)),
            slots(10, 20, node(Value::BulkString(Vec::new()), 8)),
            slots(21, 21, node(Value::Nil, 9)),
        ]);
        let shown = owners(&answer, "asked").unwrap().into_iter();
        let shown: Vec<_> = shown
            .map(|(slots, at)| format!("{slots:?} {}:{}", at.host, at.port))
            .collect();
        assert_eq!(shown, ["0..=9 a:7", "10..=20 asked:8", "21..=21 asked:9"]);
    }

    #[test]
    fn what_is_no_map_is_none() {
        let bad_port = slots(0, 1, node(Value::Nil, 65_536));
        for answer in [
            Value::Okay,
            Value::Array(vec![Value::Nil]),
            Value::Array(vec![Value::Array(vec![Value::Int(1)])]),
            Value::Array(vec![bad_port]),
        ] {
            assert_eq!(owners(&answer, "asked"), None, "{answer:?}");
        }
        assert_eq!(owners(&Value::Array(Vec::new()), "asked"), Some(Vec::new()));
    }
}
