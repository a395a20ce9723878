//! A wrong clock of this process, which must not matter.

use std::time::Duration;

use session_store_api::{AtomicSessionStore, Condition, SessionStore};
use session_store_mongodb::mongodb::bson::doc;
use test_servers::ClockRun;

use crate::{LASTING, key, store};

const CONDITIONS: &str = "conditions_hold_while_the_record_lives_and_no_longer";

#[tokio::test]
async fn a_wrong_clock_of_this_process_changes_no_condition() {
    let year = Duration::from_secs(365 * 24 * 60 * 60);
    for run in [ClockRun::ahead(year), ClockRun::behind(year)] {
        run.run(CONDITIONS).await.unwrap();
    }
}

#[tokio::test]
async fn conditions_hold_while_the_record_lives_and_no_longer() {
    let (store, collection) = store("conditions").await;
    let key = key("k");
    for lives in [true, false] {
        store.set(&key, b"v", LASTING).await.unwrap();
        if !lives {
            let ended = doc! { "$subtract": ["$$NOW", 1000] };
            let update = vec![doc! { "$set": { "expires_at": ended } }];
            let ended = collection.update_one(doc! { "_id": "k" }, update).await;
            assert_eq!(ended.unwrap().modified_count, 1);
        }
        let set_if = |condition| store.set_if(&key, condition, b"v", LASTING);
        assert_eq!(store.touch(&key, LASTING).await.unwrap(), lives);
        assert_eq!(set_if(Condition::Present).await.unwrap(), lives);
        let unchanged = Condition::Unchanged(b"v");
        assert_eq!(set_if(unchanged).await.unwrap(), lives);
        assert_eq!(set_if(Condition::Absent).await.unwrap(), !lives);
    }
}
