//! C19: what time it is, and where, changes no lifetime.

use std::time::Duration;

use futures_util::future::{try_join_all, try_join3};

use crate::case::{Case, Finding, Needs};
use crate::context::Context;
use crate::skew::Skew;
use crate::slot::{LASTING, Slot, When};

pub(crate) const CASES: &[Case] = &[Case::new("c19_clock_and_zone_change_no_lifetime", |cx| {
    Box::pin(clock_and_zone_change_no_lifetime(cx))
})
.needs(&[Needs::Skew])];

async fn clock_and_zone_change_no_lifetime(cx: &Context) -> Finding {
    let under = async |skew: Skew| {
        let store = cx.open_skewed(skew).await?;
        let name = format!("{skew:?}").replace([' ', '(', ')'], "-");
        let slot = |part| cx.slot(format_args!("{name}{part}"));
        // Records of its own, read through itself; and where handles share, also through the usual
        // clock, written by either.
        let (own, away, home) = (slot("own").on(&store), slot("away"), slot("home"));
        let shared = cx.facts().shared;
        try_join3(
            lives(&own, &own),
            async {
                match shared {
                    true => lives(&away.on(&store), &away).await,
                    false => Ok(()),
                }
            },
            async {
                match shared {
                    true => lives(&home, &home.on(&store)).await,
                    false => Ok(()),
                }
            },
        )
        .await
        .when(format_args!("{skew:?}"))
    };
    try_join_all(Skew::ALL.map(under)).await?;
    Ok(())
}

/// Expects what is written in one place to live just as long as it should in another.
async fn lives(writer: &Slot, reader: &Slot) -> Finding {
    let write = async |max_age| {
        let life = writer.set(b"value", max_age).await?;
        Ok((reader.clone(), life))
    };
    writer
        .lives_where(b"value", Duration::from_millis(600), write)
        .await?;
    writer.set(b"lasting", LASTING).await?;
    reader.holds(b"lasting").await?;
    writer.destroy().await?;
    reader.is_gone().await
}
