//! C17: namespaces never meet.

use std::time::Duration;

use session_store_api::{Condition, SessionKey};

use crate::case::{Case, Finding, Needs};
use crate::context::Context;
use crate::slot::{LASTING, Slot, When};

pub(crate) const CASES: &[Case] = &[
    Case::new("c17_the_same_key_elsewhere_is_another", |cx| {
        Box::pin(the_same_key_elsewhere_is_another(cx))
    }),
    Case::new("c17_namespaces_that_begin_alike", |cx| {
        Box::pin(namespaces_that_begin_alike(cx))
    }),
    Case::new("c17_conditions_stay_at_home", |cx| {
        Box::pin(conditions_stay_at_home(cx))
    })
    .needs(&[Needs::Atomic]),
    Case::new("c17_opening_and_sweeping_spare_the_others", |cx| {
        Box::pin(opening_and_sweeping_spare_the_others(cx))
    }),
];

/// Expects two slots to have nothing to do with each other.
async fn never_meet(here: &Slot, there: &Slot) -> Finding {
    for slot in [here, there] {
        slot.is_gone().await.when("before any write")?;
    }
    here.set(b"here", LASTING).await?;
    there.is_gone().await.when("written in another namespace")?;
    there.set(b"there", LASTING).await?;
    here.holds(b"here").await.when("beside another namespace")?;
    there.holds(b"there").await?;

    there.destroy().await?;
    there.is_gone().await?;
    here.holds(b"here").await.when("destroyed elsewhere")?;
    there.set(b"short", Duration::from_millis(1)).await?;
    here.destroy().await?;
    here.is_gone().await?;
    there.set(b"there", LASTING).await?;
    here.is_gone().await.when("set elsewhere after destroy")?;
    there.holds(b"there").await?;
    there.destroy().await
}

async fn the_same_key_elsewhere_is_another(cx: &Context) -> Finding {
    let here = cx.slot("record");
    let there = here.on(&cx.open(cx.other_setup()).await?);
    never_meet(&here, &there).await?;
    never_meet(&there, &here).await
}

async fn namespaces_that_begin_alike(cx: &Context) -> Finding {
    // Where namespace and key are put together without care, these two are one: `a` + `b1`, `ab` + `1`.
    for (more, pairs) in [
        (
            "x",
            [
                ("xmeet-1", "meet-1"),
                ("x:meet-2", ":meet-2"),
                ("x:meet-3", "meet-3"),
            ],
        ),
        (
            "_x",
            [
                ("x_meet-4", "meet-4"),
                ("_xmeet-5", "meet-5"),
                ("x:meet-6", "meet-6"),
            ],
        ),
    ] {
        let beyond = cx.open(cx.setup().beyond(more)).await?;
        for (here, there) in pairs {
            let key = |text: &str| SessionKey::new(text).map_err(|error| error.to_string());
            let slot = cx.slot("");
            let (here, there) = (slot.at(key(here)?), slot.on(&beyond).at(key(there)?));
            let when = format!("a namespace, and the same with {more:?} at its end");
            never_meet(&here, &there).await.when(&when)?;
            never_meet(&there, &here).await.when(&when)?;
        }
    }
    Ok(())
}

async fn conditions_stay_at_home(cx: &Context) -> Finding {
    use Condition::{Absent, Present, Unchanged};
    let here = cx.slot("record");
    let there = here.on(&cx.open(cx.other_setup()).await?);
    here.set(b"value", LASTING).await?;
    for condition in [Present, Unchanged(b"value"), Unchanged(b"")] {
        there.refuses_if(condition, b"there").await?;
    }
    there.refuses_touch().await?;
    there.is_gone().await?;
    there.writes_if(Absent, b"there", LASTING).await?;
    here.holds(b"value").await?;
    here.writes_if(Unchanged(b"value"), b"here", LASTING)
        .await?;
    there.holds(b"there").await?;
    // A short touch here shortens no life there.
    let life = here.is_touched(Duration::from_millis(50)).await?;
    life.over(here.resolution()).await;
    here.is_gone().await?;
    there
        .holds(b"there")
        .await
        .when("touched and expired elsewhere")
}

async fn opening_and_sweeping_spare_the_others(cx: &Context) -> Finding {
    let here: Vec<_> = (0..20).map(|number| cx.slot(number)).collect();
    for slot in &here {
        slot.set(b"here", LASTING).await?;
    }
    // Another namespace comes, expires, is written to and goes.
    let other = cx.open(cx.other_setup()).await?;
    for slot in &here {
        slot.on(&other)
            .set(b"there", Duration::from_millis(1))
            .await?;
    }
    tokio::time::sleep(Duration::from_millis(20)).await;
    for slot in &here {
        slot.on(&other).set(b"there", Duration::ZERO).await?;
        slot.on(&other).destroy().await?;
    }
    drop(other);
    for slot in &here {
        slot.holds(b"here").await?;
    }
    Ok(())
}
