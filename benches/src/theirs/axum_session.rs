//! A database of axum_session, without the sessions that its middleware keeps in memory before it.

use axum_session::{DatabaseError, DatabasePool};

use crate::load::{HOUR, Subject};
use crate::ours::names;

const TABLE: &str = "axum_session";

pub struct AxumSession<P> {
    pool: P,
    names: Vec<String>,
}

impl<P: DatabasePool> AxumSession<P> {
    pub async fn new(pool: P) -> Result<Self, DatabaseError> {
        pool.initiate(TABLE).await?;
        let names = names("");
        Ok(Self { pool, names })
    }
}

impl<P: DatabasePool + Send + Sync + 'static> Subject for AxumSession<P> {
    async fn get(&self, key: usize) -> usize {
        let session = self.pool.load(&self.names[key], TABLE).await.expect("load");
        session.map_or(0, |session| session.len())
    }

    async fn set(&self, key: usize, value: &[u8]) {
        let session = "x".repeat(value.len());
        let ends = (time::OffsetDateTime::now_utc() + HOUR).unix_timestamp();
        let stored = self.pool.store(&self.names[key], &session, ends, TABLE);
        stored.await.expect("store");
    }
}
