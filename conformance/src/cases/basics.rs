//! C01, C03 and C05: what the three verbs do.

use std::time::Duration;

use futures_util::future::try_join_all;
use session_store_api::MaxAge;

use crate::case::{Case, Finding};
use crate::context::Context;
use crate::slot::{LASTING, When};

pub(crate) const CASES: &[Case] = &[
    Case::new("c01_missing_is_none", |cx| Box::pin(missing_is_none(cx))),
    Case::new("c01_a_new_store_is_empty", |cx| {
        Box::pin(a_new_store_is_empty(cx))
    }),
    Case::new("c01_reading_does_not_write", |cx| {
        Box::pin(reading_does_not_write(cx))
    }),
    Case::new("c03_set_replaces_the_value", |cx| {
        Box::pin(set_replaces_the_value(cx))
    }),
    Case::new("c03_a_longer_life_replaces", |cx| {
        Box::pin(a_longer_life_replaces(cx))
    }),
    Case::new("c03_a_shorter_life_replaces", |cx| {
        Box::pin(a_shorter_life_replaces(cx))
    }),
    Case::new("c03_same_bytes_are_a_new_record", |cx| {
        Box::pin(same_bytes_are_a_new_record(cx))
    }),
    Case::new("c03_expired_or_destroyed_can_be_set_again", |cx| {
        Box::pin(expired_or_destroyed_can_be_set_again(cx))
    }),
    Case::new("c03_sets_are_answered_when_done", |cx| {
        Box::pin(sets_are_answered_when_done(cx))
    }),
    Case::new("c05_destroy_removes", |cx| Box::pin(destroy_removes(cx))),
    Case::new("c05_destroying_nothing_is_ok", |cx| {
        Box::pin(destroying_nothing_is_ok(cx))
    }),
    Case::new("c05_destroy_takes_one_record_only", |cx| {
        Box::pin(destroy_takes_one_record_only(cx))
    }),
];

/// A life that ends within a run.
const SHORT: Duration = Duration::from_millis(300);

async fn missing_is_none(cx: &Context) -> Finding {
    let (here, missing) = (cx.slot("here"), cx.slot("missing"));
    missing.is_gone().await?;
    here.set(b"value", LASTING).await?;
    here.holds(b"value").await?;
    missing.is_gone().await.when("beside a record")
}

async fn a_new_store_is_empty(cx: &Context) -> Finding {
    let empty = cx.open(cx.setup().beyond("_new")).await?;
    let slot = cx.slot("first").on(&empty);
    slot.is_gone().await.when("before any write")?;
    slot.destroy().await.when("before any write")?;
    slot.set(b"first", LASTING).await?;
    slot.holds(b"first").await
}

async fn reading_does_not_write(cx: &Context) -> Finding {
    let slot = cx.slot("unknown");
    for _ in 0..3 {
        slot.is_gone().await?;
    }
    slot.set(b"value", LASTING).await?;
    for read in ["the first read", "the second", "the third"] {
        slot.holds(b"value").await.when(read)?;
    }
    Ok(())
}

async fn set_replaces_the_value(cx: &Context) -> Finding {
    let slot = cx.slot("value");
    let values: [&[u8]; 6] = [b"first", b"second, longer", b"3rd", b"", b"fifth", b"Fifth"];
    for value in values {
        slot.set(value, LASTING).await?;
        slot.holds(value).await?;
    }
    // A long value leaves no tail, and a short one no head.
    slot.set(&vec![b'x'; 20_000], LASTING).await?;
    slot.set(b"short", LASTING).await?;
    slot.holds(b"short").await.when("after a longer value")
}

async fn a_longer_life_replaces(cx: &Context) -> Finding {
    let slot = cx.slot("longer");
    let short = slot.set(b"old", SHORT).await?;
    slot.set(b"new", LASTING).await?;
    slot.holds(b"new").await?;
    short.over(slot.resolution()).await;
    let when = "after the end of the shorter life that was replaced";
    slot.holds(b"new").await.when(when)
}

async fn a_shorter_life_replaces(cx: &Context) -> Finding {
    let slot = cx.slot("shorter");
    let write = async |max_age| {
        slot.set(b"old", LASTING).await?;
        slot.holds(b"old").await?;
        slot.set(b"new", max_age).await
    };
    slot.lives(b"new", SHORT, write).await
}

async fn same_bytes_are_a_new_record(cx: &Context) -> Finding {
    let (longer, shorter) = (cx.slot("longer"), cx.slot("shorter"));
    let write = async |max_age| {
        shorter.set(b"same", MaxAge::Session).await?;
        shorter.set(b"same", max_age).await
    };
    let short = longer.set(b"same", SHORT).await?;
    longer.set(b"same", LASTING).await?;
    shorter.lives(b"same", SHORT, write).await?;
    short.over(longer.resolution()).await;
    let when = "after the end of the shorter life that was replaced";
    longer.holds(b"same").await.when(when)
}

async fn expired_or_destroyed_can_be_set_again(cx: &Context) -> Finding {
    let (expired, destroyed) = (cx.slot("expired"), cx.slot("destroyed"));
    for round in 0..3 {
        expired.expires(b"old").await?;
        destroyed.set(b"old", LASTING).await?;
        destroyed.destroy().await?;
        for slot in [&expired, &destroyed] {
            // The first time as a session does it, reading first; then at once.
            if round == 0 {
                slot.is_gone().await?;
            }
            slot.set(b"new", LASTING).await?;
            slot.holds(b"new").await?;
        }
    }
    let write = async |max_age| {
        destroyed.destroy().await?;
        destroyed.set(b"again", max_age).await
    };
    destroyed.lives(b"again", SHORT, write).await
}

async fn sets_are_answered_when_done(cx: &Context) -> Finding {
    let one = async |number: usize| {
        let slot = cx.slot(number);
        for round in 0..20_u32 {
            let value = format!("{number} of round {round}");
            slot.set(value.as_bytes(), LASTING).await?;
            slot.holds(value.as_bytes()).await?;
        }
        slot.destroy().await?;
        slot.is_gone().await
    };
    try_join_all((0..8).map(one)).await.map(|_| ())
}

async fn destroy_removes(cx: &Context) -> Finding {
    let slot = cx.slot("record");
    for value in [b"first", b"again"] {
        slot.set(value, LASTING).await?;
        slot.holds(value).await?;
        slot.destroy().await?;
        slot.is_gone().await.when("after destroy")?;
        slot.is_gone().await.when("read again after destroy")?;
    }
    for value in [b"1st", b"2nd", b"3rd"] {
        slot.set(value, LASTING).await?;
    }
    slot.destroy().await?;
    let when = "destroyed after it was written three times";
    slot.is_gone().await.when(when)?;
    // Nothing of the old record is left in the new one, its life neither.
    let short = slot.set(b"short", SHORT).await?;
    slot.destroy().await?;
    slot.set(b"long", LASTING).await?;
    short.over(slot.resolution()).await;
    slot.holds(b"long").await.when("after destroy and set")
}

async fn destroying_nothing_is_ok(cx: &Context) -> Finding {
    let (missing, twice, expired) = (cx.slot("missing"), cx.slot("twice"), cx.slot("expired"));
    missing.destroy().await.when("of nothing")?;
    missing.is_gone().await?;
    twice.set(b"value", LASTING).await?;
    twice.holds(b"value").await?;
    twice.destroy().await?;
    twice.destroy().await.when("the second time")?;
    twice.is_gone().await?;
    expired.expires(b"value").await?;
    expired.destroy().await.when("of an expired record")?;
    expired.is_gone().await
}

async fn destroy_takes_one_record_only(cx: &Context) -> Finding {
    let names = ["a", "b", "ab", "A", "a1", "a-", "a*", "a%", "_"];
    let slots = names.map(|name| cx.slot(name));
    for slot in &slots {
        slot.set(b"value", LASTING).await?;
    }
    for (gone, slot) in slots.iter().enumerate() {
        slot.destroy().await?;
        for (number, slot) in slots.iter().enumerate() {
            let found = if number <= gone {
                slot.is_gone().await
            } else {
                slot.holds(b"value").await
            };
            found.when(format_args!("record {number} after destroying {gone}"))?;
        }
    }
    Ok(())
}
