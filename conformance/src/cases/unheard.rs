//! A09: what callers are told whose writes were carried out, and whose answers were lost.

use std::time::Duration;

use futures_util::future::try_join_all;
use session_store_api::{AtomicSessionStore, Condition};
use tokio::time::sleep;

use crate::backend::{Broken, for_each_fault};
use crate::case::{Case, Finding, Needs};
use crate::context::Context;
use crate::slot::{LASTING, Slot, When, shown};

pub(crate) const CASES: &[Case] = &[Case::new("a09_a_lost_answer_is_no_refusal", |cx| {
    Box::pin(a_lost_answer_is_no_refusal(cx))
})
.needs(&[Needs::Atomic, Needs::Control])];

/// The fault ends while calls wait. Whoever then asks again is refused because of what he wrote himself, and
/// must not say so: that nobody else has a record under the key is all that its caller wants to know.
async fn a_lost_answer_is_no_refusal(cx: &Context) -> Finding {
    const CALLS: usize = 8;
    for_each_fault(cx, async |broken| {
        let (free, live) = (broken.slots("free", CALLS)?, broken.slots("live", CALLS)?);
        try_join_all(free.iter().map(Slot::is_gone)).await?;
        try_join_all(live.iter().map(|slot| slot.set(b"old", LASTING))).await?;
        broken.cause().await?;
        let absent = free
            .iter()
            .map(|slot| set_if(&broken, slot, Condition::Absent));
        let unchanged = Condition::Unchanged(b"old");
        let unchanged = live.iter().map(|slot| set_if(&broken, slot, unchanged));
        let (absent, unchanged, healed) =
            tokio::join!(try_join_all(absent), try_join_all(unchanged), async {
                sleep(Duration::from_millis(100)).await;
                broken.heal().await
            });
        healed?;
        broken.recovers().await?;
        for (slot, answer) in free.iter().zip(absent?) {
            is_explained(slot, answer, None).await.when("Absent")?;
        }
        let unchanged = unchanged?;
        if broken.keeps() {
            for (slot, answer) in live.iter().zip(unchanged) {
                let explained = is_explained(slot, answer, Some(b"old")).await;
                explained.when("Unchanged")?;
            }
        }
        Ok(())
    })
    .await
}

async fn set_if(
    broken: &Broken,
    slot: &Slot,
    condition: Condition<'_>,
) -> Result<Option<bool>, String> {
    let store = slot.atomic()?;
    let call = store.set_if(slot.key(), condition, b"new", LASTING.into());
    broken.answer(call).await
}

/// Expects an answer that fits a condition which held, and a record that fits the answer.
async fn is_explained(slot: &Slot, answer: Option<bool>, before: Option<&[u8]>) -> Finding {
    let seen = slot.get().await.when("healed")?;
    match (answer, seen.as_deref()) {
        (Some(false), _) => Err("expected true or an error, saw false".to_owned()),
        (_, Some(b"new")) => Ok(()),
        (None, seen) if seen == before => Ok(()),
        (answer, seen) => Err(format!(
            "healed, after {answer:?}: saw {}",
            seen.map_or("None".to_owned(), shown)
        )),
    }
}
