//! C10: what `MaxAge::Session` means.

use std::time::Duration;

use session_store_api::MaxAge;

use crate::case::{Case, Finding};
use crate::context::Context;
use crate::slot::{LASTING, When};

pub(crate) const CASES: &[Case] = &[
    Case::new("c10_session_is_the_session_lifetime", |cx| {
        Box::pin(session_is_the_session_lifetime(cx))
    }),
    Case::new("c10_session_is_a_day_unless_set", |cx| {
        Box::pin(session_is_a_day_unless_set(cx))
    }),
    Case::new("c10_session_may_be_a_month", |cx| {
        Box::pin(session_may_be_a_month(cx))
    }),
    Case::new("c10_other_lives_are_their_own", |cx| {
        Box::pin(other_lives_are_their_own(cx))
    }),
];

const SHORT: Duration = Duration::from_millis(400);

async fn session_is_the_session_lifetime(cx: &Context) -> Finding {
    let slot = cx.slot("session");
    let write = async |max_age| {
        // A machine too slow for a short session gets a store with a longer one.
        let store = cx.open(cx.setup().with_session_max_age(max_age)).await?;
        let life = slot.on(&store).set(b"session", MaxAge::Session).await?;
        Ok((slot.on(&store), life.of(max_age)))
    };
    slot.lives_where(b"session", SHORT, write).await
}

async fn session_is_a_day_unless_set(cx: &Context) -> Finding {
    let (fresh, over, short) = (cx.slot("fresh"), cx.slot("over"), cx.slot("short"));
    fresh.set(b"fresh", MaxAge::Session).await?;
    over.set(b"old", SHORT).await?;
    over.set(b"over", MaxAge::Session).await?;
    // It can be shortened, so it is a lifetime like any other.
    let write = async |max_age| {
        short.set(b"old", MaxAge::Session).await?;
        short.set(b"short", max_age).await
    };
    short.lives(b"short", 3 * SHORT, write).await?;
    fresh
        .holds(b"fresh")
        .await
        .when("more than a second later")?;
    over.holds(b"over")
        .await
        .when("after the end of the life before")
}

async fn session_may_be_a_month(cx: &Context) -> Finding {
    let month = Duration::from_secs(31 * 24 * 60 * 60);
    let store = cx.open(cx.setup().with_session_max_age(month)).await?;
    let slot = cx.slot("month").on(&store);
    slot.set(b"value", MaxAge::Session).await?;
    slot.holds(b"value").await?;
    tokio::time::sleep(2 * SHORT).await;
    slot.holds(b"value").await.when("later")?;
    slot.destroy().await
}

async fn other_lives_are_their_own(cx: &Context) -> Finding {
    let store = cx.open(cx.setup().with_session_max_age(SHORT)).await?;
    let (session, lasting) = (cx.slot("session").on(&store), cx.slot("lasting").on(&store));
    lasting.set(b"lasting", LASTING).await?;
    let life = session.set(b"session", MaxAge::Session).await?.of(SHORT);
    life.over(session.resolution()).await;
    life.is_over(&session).await?;
    lasting.holds(b"lasting").await
}
