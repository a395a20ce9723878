//! C18: any runtime, any number of callers, any pointer.

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::try_join_all;
use session_store_api::{AtomicSessionStore, Condition, SessionStore};
use tokio::runtime::{Builder, Handle as RuntimeHandle, Runtime};
use tokio::time::sleep;

use crate::case::{Case, Finding, Needs};
use crate::context::Context;
use crate::slot::{LASTING, Slot, When};
use crate::tasks::{at_once, on_thread};

pub(crate) const CASES: &[Case] = &[
    Case::new("c18_every_future_is_send", |cx| {
        Box::pin(every_future_is_send(cx))
    }),
    Case::new("c18_every_atomic_future_is_send", |cx| {
        Box::pin(every_atomic_future_is_send(cx))
    })
    .needs(&[Needs::Atomic]),
    Case::new("c18_on_a_current_thread_runtime", |cx| {
        Box::pin(on_a_current_thread_runtime(cx))
    }),
    Case::new("c18_on_a_multi_thread_runtime", |cx| {
        Box::pin(on_a_multi_thread_runtime(cx))
    }),
    Case::new("c18_on_one_runtime_after_another", |cx| {
        Box::pin(on_one_runtime_after_another(cx))
    }),
    Case::new("c18_nothing_runs_on_after_the_last_handle", |cx| {
        Box::pin(nothing_runs_on_after_the_last_handle(cx))
    }),
    Case::new("c18_a_thousand_callers_on_one_connection", |cx| {
        Box::pin(a_thousand_callers_on_one_connection(cx))
    }),
];

/// Runs `work` on a runtime and a thread of its own.
async fn on_runtime(
    build: fn() -> io::Result<Runtime>,
    work: impl Future<Output = Finding> + Send + 'static,
) -> Finding {
    on_thread(move || match build() {
        Ok(runtime) => runtime.block_on(work),
        Err(error) => Err(format!("no runtime: {error}")),
    })
    .await
}

pub(crate) fn current_thread() -> io::Result<Runtime> {
    Builder::new_current_thread().enable_all().build()
}

fn multi_thread() -> io::Result<Runtime> {
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(2).enable_all().build()
}

/// What a store does all day.
async fn works(slot: &Slot) -> Finding {
    slot.is_gone().await.when("before any write")?;
    slot.set(b"value", LASTING).await?;
    slot.holds(b"value").await?;
    let write = async |max_age| slot.set(b"short", max_age).await;
    slot.lives(b"short", Duration::from_millis(100), write)
        .await?;
    if slot.atomic().is_ok() {
        slot.writes_if(Condition::Absent, b"new", LASTING).await?;
        slot.is_touched(LASTING).await?;
        slot.holds(b"new").await?;
        slot.destroy().await?;
    }
    // Many at a time, as tasks of the same runtime.
    let tasks = (0..30).map(|number| {
        let slot = slot.clone();
        async move {
            slot.set(format!("value {number}").as_bytes(), LASTING)
                .await?;
            slot.get()
                .await?
                .ok_or_else(|| "expected a value, saw None".to_owned())
        }
    });
    at_once(tasks.collect()).await?;
    slot.destroy().await?;
    slot.is_gone().await.when("after destroy")
}

async fn every_future_is_send(cx: &Context) -> Finding {
    // The compiler proves it; that they also work on another thread is seen.
    fn send<F: Future + Send>(future: F) -> F {
        future
    }
    let slot = cx.slot("record");
    let (key, store): (_, Arc<dyn SessionStore>) = (slot.key().clone(), slot.store().clone());
    let elsewhere = tokio::spawn(async move {
        send(store.set(&key, b"value", LASTING.into())).await?;
        let value = send(store.get(&key)).await?;
        send(store.destroy(&key)).await?;
        Ok::<_, session_store_api::Error>(value)
    });
    let value = elsewhere.await.map_err(|error| error.to_string())?;
    match value.map_err(|error| error.to_string())?.as_deref() {
        Some(b"value") => slot.is_gone().await.when("after destroy"),
        _ => Err("expected \"value\" on another thread, saw something else".to_owned()),
    }
}

async fn every_atomic_future_is_send(cx: &Context) -> Finding {
    fn send<F: Future + Send>(future: F) -> F {
        future
    }
    let slot = cx.slot("record");
    let atomic: Arc<dyn AtomicSessionStore> = slot.atomic()?.clone();
    let key = slot.key().clone();
    let elsewhere = tokio::spawn(async move {
        let wrote = send(atomic.set_if(&key, Condition::Absent, b"value", LASTING.into())).await?;
        let touched = send(atomic.touch(&key, LASTING.into())).await?;
        // An atomic store is a plain one, in the same pointer.
        let plain: Arc<dyn SessionStore> = atomic;
        let value = plain.get(&key).await?;
        Ok::<_, session_store_api::Error>((wrote, touched, value))
    });
    let answers = elsewhere.await.map_err(|error| error.to_string())?;
    let (wrote, touched, value) = answers.map_err(|error| error.to_string())?;
    if (wrote, touched, value.as_deref()) != (true, true, Some(b"value")) {
        return Err("expected three right answers on another thread, saw others".to_owned());
    }
    slot.destroy().await
}

async fn on_a_current_thread_runtime(cx: &Context) -> Finding {
    let (opening, slot) = (cx.open(cx.setup().beyond("_current")), cx.slot("record"));
    on_runtime(current_thread, async move {
        let store = opening.await?;
        works(&slot.on(&store)).await
    })
    .await
}

async fn on_a_multi_thread_runtime(cx: &Context) -> Finding {
    let (opening, slot) = (cx.open(cx.setup().beyond("_multi")), cx.slot("record"));
    on_runtime(multi_thread, async move {
        let store = opening.await?;
        works(&slot.on(&store)).await
    })
    .await
}

async fn on_one_runtime_after_another(cx: &Context) -> Finding {
    let runtimes: [fn() -> io::Result<Runtime>; 3] = [current_thread, multi_thread, current_thread];
    for (number, build) in runtimes.into_iter().enumerate() {
        let (opening, slot) = (cx.open(cx.setup().beyond("_after")), cx.slot(number));
        let lived = on_runtime(build, async move {
            let store = opening.await?;
            works(&slot.on(&store)).await
        });
        lived.await.when(format_args!("on runtime {number}"))?;
    }
    Ok(())
}

async fn nothing_runs_on_after_the_last_handle(cx: &Context) -> Finding {
    let (opening, slot) = (cx.open(cx.setup().beyond("_last")), cx.slot("record"));
    on_runtime(current_thread, async move {
        let before = RuntimeHandle::current().metrics().num_alive_tasks();
        let store = opening.await?;
        works(&slot.on(&store)).await?;
        drop(store);
        // A task that ends because the store did needs a moment for it.
        let began = Instant::now();
        loop {
            let alive = RuntimeHandle::current().metrics().num_alive_tasks();
            if alive <= before {
                return Ok(());
            }
            if began.elapsed() > Duration::from_secs(10) {
                let left = alive - before;
                return Err(format!(
                    "expected every task of the store to end with its last handle, saw {left} 10 s \
                     later"
                ));
            }
            sleep(Duration::from_millis(5)).await;
        }
    })
    .await
}

async fn a_thousand_callers_on_one_connection(cx: &Context) -> Finding {
    let setup = cx.setup().beyond("_one").with_connections(1);
    let store = cx.open(setup).await?;
    let tasks = (0..1_000).map(|number| {
        let slot = cx.slot(number).on(&store);
        async move {
            let value = format!("value {number}");
            slot.set(value.as_bytes(), LASTING).await?;
            slot.holds(value.as_bytes()).await?;
            Ok((slot, value))
        }
    });
    let written = at_once(tasks.collect()).await?;
    // And again from one task, all at the same time.
    let read = written.iter().map(async |(slot, value)| {
        slot.holds(value.as_bytes()).await?;
        slot.destroy().await
    });
    try_join_all(read).await?;
    Ok(())
}
