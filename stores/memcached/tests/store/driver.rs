//! Why the pipeline is ours: what the driver's own does with a value that the server refuses.

use memcache::exp::{AsyncMetaClient, Error, Op, Set};
use session_store_memcached::memcache;

use crate::server;

/// Should this fail with a new version of the driver, its client may serve instead of our pipeline.
#[tokio::test]
async fn in_the_drivers_pipeline_a_refused_value_costs_its_neighbours_their_answers() {
    let server = server().await;
    let client = AsyncMetaClient::connect(server.address()).await.unwrap();
    let set = |name: &str, size| Op::from(Set::new(name, vec![0; size]));
    let batch = [set("before", 1), set("refused", 2 << 20), set("after", 1)];
    let answers = client.run_batch(batch).await.unwrap();
    assert!(answers[0].is_ok(), "{:?}", answers[0]);
    // The one behind it was carried out, or not: nobody knows. And the error shows the key.
    let after = answers[2].as_ref().unwrap_err();
    assert!(matches!(after, Error::Ambiguous { .. }), "{after:?}");
    assert!(after.to_string().contains("\"after\""), "{after}");
}
