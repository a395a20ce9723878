//! C19: what time it is, and where, changes no lifetime.

use std::time::Duration;

use futures_util::future::try_join_all;

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
        // Records of its own, read through itself; and where handles share, also with the usual clock,
        // written on either side.
        let mut pairs = vec![(slot("own").on(&store), slot("own").on(&store))];
        if cx.facts().shared {
            pairs.push((slot("away").on(&store), slot("away")));
            pairs.push((slot("home"), slot("home").on(&store)));
        }
        let lived = pairs.iter().map(|(writer, reader)| lives(writer, reader));
        try_join_all(lived).await.when(format_args!("{skew:?}"))
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
