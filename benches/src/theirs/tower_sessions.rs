//! A store of tower-sessions 0.14, which most of them need, with one value of the size in its record.

use std::collections::HashMap;

use tower_sessions_core_0_14::SessionStore;
use tower_sessions_core_0_14::session::{Id, Record};

use crate::load::{HOUR, Subject};

pub struct TowerSessions<S>(pub S);

impl<S: SessionStore> Subject for TowerSessions<S> {
    async fn get(&self, key: usize) -> usize {
        let record = self.0.load(&id(key)).await.expect("load");
        record
            .and_then(|record| Some(record.data.get("value")?.as_str()?.len()))
            .unwrap_or(0)
    }

    async fn set(&self, key: usize, value: &[u8]) {
        self.0.save(&record(key, value.len())).await.expect("save");
    }

    async fn create(&self, key: usize, value: &[u8]) {
        let mut record = record(key, value.len());
        self.0.create(&mut record).await.expect("create");
    }
}

fn record(key: usize, len: usize) -> Record {
    Record {
        id: id(key),
        data: HashMap::from([("value".to_owned(), "x".repeat(len).into())]),
        expiry_date: time::OffsetDateTime::now_utc() + HOUR,
    }
}

fn id(key: usize) -> Id {
    Id(key as i128)
}
