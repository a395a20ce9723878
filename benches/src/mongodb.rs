//! MongoDB: ours beside one call of the driver for each call, and the store of tower-sessions.

use std::collections::HashMap;
use std::error::Error;
use std::hint::black_box;
use std::time::SystemTime;

use mongodb::bson::spec::BinarySubtype;
use mongodb::bson::{Binary, DateTime, Document, RawDocumentBuf, doc};
use mongodb::{Client, Collection, Database};
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
    let batches = Batches(Bare::connect(&pooled).await?);
    let mut contestants = vec![
        Contestant::filled("mongodb, one command per call", bare).await,
        Contestant::filled("session-store-mongodb", ours).await,
        Contestant::filled("tower-sessions-mongodb-store", tower).await,
    ];
    let mut batches = Some(Contestant::new("mongodb, 32 records a command", batches));
    for work in [("get", Verb::Get), ("set", Verb::Set)] {
        table.measure(plan, work, &[1, 8], &contestants).await;
        contestants.extend(batches.take());
        table.measure(plan, work, &[64], &contestants).await;
        batches = contestants.pop();
        table.measure(plan, work, &[256], &contestants).await;
    }
    Ok(vec![table.section()])
}

/// The driver as one would use it by hand, with the clock of this machine.
struct Bare {
    database: Database,
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
            database,
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
        let record = record(value);
        let of = doc! { "_id": &self.names[key] };
        let update = self.collection.update_one(of, record).upsert(true);
        update.await.expect("update_one");
    }
}

/// What an update makes of a record.
fn record(value: &[u8]) -> Document {
    let value = Binary {
        subtype: BinarySubtype::Generic,
        bytes: value.to_vec(),
    };
    let ends = DateTime::from_system_time(SystemTime::now() + HOUR);
    doc! { "$set": { "value": value, "expires_at": ends } }
}

/// What batches alone give: two who each ask for this many records at once, and for nothing else. On the collection of
/// [`Bare`].
struct Batches(Bare);

/// What 64 callers ask for at once, of two connections.
const BATCH: usize = 32;

impl Batches {
    fn names(&self, key: usize) -> impl Iterator<Item = &String> {
        self.0.names.iter().cycle().skip(key).take(BATCH)
    }
}

impl Subject for Batches {
    fn records(&self) -> usize {
        BATCH
    }

    async fn get(&self, key: usize) -> usize {
        let names: Vec<&String> = self.names(key).collect();
        let live = doc! { "_id": { "$in": names }, "expires_at": { "$gt": DateTime::now() } };
        let find = self.0.collection.find(live).batch_size(BATCH as u32 + 1);
        let mut records = find.await.expect("find");
        let mut bytes = 0;
        while records.advance().await.expect("advance") {
            let value = records.current().get_binary("value").expect("binary");
            bytes += black_box(value.bytes.to_vec()).len();
        }
        bytes / BATCH
    }

    async fn set(&self, key: usize, value: &[u8]) {
        let update = record(value);
        let update = |name| doc! { "q": { "_id": name }, "u": update.clone(), "upsert": true };
        let updates: Vec<Document> = self.names(key).map(update).collect();
        let concern = doc! { "w": "majority" };
        let command = doc! { "update": "bare", "updates": updates, "ordered": false, "writeConcern": concern };
        let answer = self.0.database.run_command(command).await;
        let answer = answer.expect("update");
        assert_eq!(answer.get_i32("n").ok(), Some(BATCH as i32));
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
