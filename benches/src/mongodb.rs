//! MongoDB: ours beside one call of the driver for each call, and the store of tower-sessions.

use std::collections::HashMap;
use std::error::Error;
use std::time::SystemTime;

use mongodb::bson::spec::BinarySubtype;
use mongodb::bson::{Binary, DateTime, RawDocumentBuf, doc};
use mongodb::{Client, Collection};
use session_store_mongodb::{MongoDbStore, mongodb};
use test_servers::{Kind, TestServer};
use tower_sessions_core_0_11::SessionStore as _;
use tower_sessions_core_0_11::session::{Id, Record};
use tower_sessions_mongodb_store::MongoDBStore as TheirStore;
use tower_sessions_mongodb_store::mongodb as mongodb2;

use crate::load::{Contestant, HOUR, Plan, Subject, Verb};
use crate::ours::{Ours, names};
use crate::report::{Section, Table};

pub async fn run(plan: Plan) -> Result<Vec<Section>, Box<dyn Error>> {
    let server = TestServer::builder(Kind::MongoDb).own().start().await?;
    let mut table = Table::new(
        "MongoDB",
        format!(
            "MongoDB {}, standalone. All ask for `w=majority`, so a write is in the journal when it is acknowledged. The pools of the others have up to 64 connections.",
            server.version()
        ),
    );
    let url = format!("mongodb://{}/bench?w=majority", server.address());
    let pooled = format!("{url}&maxPoolSize=64");
    let bare = Bare::connect(&pooled).await?;
    let ours = Ours::new(MongoDbStore::connect(&format!("{url}&collection=ours")).await?);
    let tower = Theirs::connect(&pooled).await?;
    let contestants = [
        Contestant::filled("mongodb, one command per call", bare).await,
        Contestant::filled("session-store-mongodb", ours).await,
        Contestant::filled("tower-sessions-mongodb-store", tower).await,
    ];
    for work in [("get", Verb::Get), ("set", Verb::Set)] {
        let callers = [1, 8, 64, 256];
        table.measure(plan, work, &callers, &contestants).await;
    }
    Ok(vec![table.section()])
}

/// The driver as one would use it by hand, with the clock of this machine.
struct Bare {
    collection: Collection<RawDocumentBuf>,
    names: Vec<String>,
}

impl Bare {
    async fn connect(url: &str) -> Result<Self, Box<dyn Error>> {
        let client = Client::with_uri_str(url).await?;
        let database = client.default_database().ok_or("a database")?;
        // The same index: whoever keeps sessions has to remove the expired ones.
        let indexed = MongoDbStore::new(database.clone()).with_collection("bare")?;
        indexed.migrate().await?;
        Ok(Self {
            collection: database.collection("bare"),
            names: names(""),
        })
    }
}

impl Subject for Bare {
    async fn get(&self, key: usize) -> usize {
        let live = doc! { "_id": &self.names[key], "expires_at": { "$gt": DateTime::now() } };
        let record = self.collection.find_one(live).await.expect("find_one");
        let value =
            record.map(|record| record.get_binary("value").map(|value| value.bytes.to_vec()));
        value.map_or(0, |value| value.expect("binary").len())
    }

    async fn set(&self, key: usize, value: &[u8]) {
        let value = Binary {
            subtype: BinarySubtype::Generic,
            bytes: value.to_vec(),
        };
        let ends = DateTime::from_system_time(SystemTime::now() + HOUR);
        let record = doc! { "$set": { "value": value, "expires_at": ends } };
        let of = doc! { "_id": &self.names[key] };
        let update = self.collection.update_one(of, record).upsert(true);
        update.await.expect("update_one");
    }
}

/// The store of tower-sessions, which needs its version 0.11, with one value of the same size in its record.
struct Theirs(TheirStore);

impl Theirs {
    async fn connect(url: &str) -> Result<Self, Box<dyn Error>> {
        let client = mongodb2::Client::with_uri_str(url).await?;
        Ok(Self(TheirStore::new(client, "tower".to_owned())))
    }
}

impl Subject for Theirs {
    async fn get(&self, key: usize) -> usize {
        let record = self.0.load(&id(key)).await.expect("load");
        record
            .and_then(|record| Some(record.data.get("value")?.as_str()?.len()))
            .unwrap_or(0)
    }

    async fn set(&self, key: usize, value: &[u8]) {
        let text = "x".repeat(value.len());
        let record = Record {
            id: id(key),
            data: HashMap::from([("value".to_owned(), text.into())]),
            expiry_date: time::OffsetDateTime::now_utc() + HOUR,
        };
        self.0.save(&record).await.expect("save");
    }
}

fn id(key: usize) -> Id {
    Id(i128::try_from(key).expect("small"))
}
