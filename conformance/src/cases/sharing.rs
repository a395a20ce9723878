//! C11: clones and handles are one store.

use std::sync::Arc;
use std::time::Duration;

use session_store_api::{MaxAge, SessionStore};

use crate::case::{Case, Finding, Needs};
use crate::context::Context;
use crate::slot::{LASTING, Slot, When, differs, unexpected};

pub(crate) const CASES: &[Case] = &[
    Case::new("c11_pointers_are_the_same_store", |cx| {
        Box::pin(pointers_are_the_same_store(cx))
    }),
    Case::new("c11_handles_are_the_same_store", |cx| {
        Box::pin(handles_are_the_same_store(cx))
    })
    .needs(&[Needs::Shared]),
    Case::new("c11_closing_a_handle_leaves_the_others", |cx| {
        Box::pin(closing_a_handle_leaves_the_others(cx))
    })
    .needs(&[Needs::Shared]),
];

async fn pointers_are_the_same_store(cx: &Context) -> Finding {
    let slot = cx.slot("record");
    let (clone, boxed): (Arc<dyn SessionStore>, Box<dyn SessionStore>) =
        (slot.store().clone(), Box::new(slot.store().clone()));
    let stores: [&dyn SessionStore; 3] = [&clone, &boxed, &&boxed];
    for (number, store) in stores.into_iter().enumerate() {
        let value = format!("pointer {number}");
        let set = store
            .set(slot.key(), value.as_bytes(), MaxAge::Session)
            .await;
        set.map_err(|error| unexpected("set", &error))?;
        slot.holds(value.as_bytes()).await?;
        slot.set(b"by the store itself", LASTING).await?;
        match store.get(slot.key()).await {
            Ok(Some(seen)) if seen == b"by the store itself" => {}
            Ok(seen) => return Err(differs(b"by the store itself", seen.as_deref())),
            Err(error) => return Err(unexpected("get", &error)),
        }
        let destroyed = store.destroy(slot.key()).await;
        destroyed.map_err(|error| unexpected("destroy", &error))?;
        slot.is_gone().await.when("destroyed through a pointer")?;
    }
    // Another task's clone too.
    let elsewhere = slot.clone();
    let written = tokio::spawn(async move { elsewhere.set(b"elsewhere", LASTING).await });
    written.await.map_err(|error| error.to_string())??;
    slot.holds(b"elsewhere").await
}

async fn handles_are_the_same_store(cx: &Context) -> Finding {
    let one = cx.slot("record");
    let two = one.on(&cx.open(cx.setup()).await?);
    for (writer, reader) in [(&one, &two), (&two, &one)] {
        see_each_other(writer, reader).await?;
    }
    Ok(())
}

async fn see_each_other(writer: &Slot, reader: &Slot) -> Finding {
    writer.destroy().await?;
    reader.is_gone().await.when("before any write")?;
    writer.set(b"first", LASTING).await?;
    reader.holds(b"first").await?;
    writer.set(b"second", LASTING).await?;
    reader.holds(b"second").await.when("after a second set")?;
    reader.set(b"reply", LASTING).await?;
    writer.holds(b"reply").await?;
    writer.destroy().await?;
    reader.is_gone().await.when("after destroy")?;
    // Expiry too, also of what the reader has read before.
    let write = async |max_age| {
        writer.set(b"lasting", LASTING).await?;
        reader.holds(b"lasting").await?;
        writer.set(b"short", max_age).await
    };
    reader
        .lives(b"short", Duration::from_millis(200), write)
        .await
}

async fn closing_a_handle_leaves_the_others(cx: &Context) -> Finding {
    let slot = cx.slot("record");
    let handle = cx.open(cx.setup()).await?;
    slot.on(&handle).set(b"by the closed", LASTING).await?;
    drop(handle);
    slot.holds(b"by the closed").await?;
    slot.set(b"after", LASTING).await?;
    slot.holds(b"after").await?;
    let handle = cx.open(cx.setup()).await?;
    slot.on(&handle).holds(b"after").await.when("opened again")
}
