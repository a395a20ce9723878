//! A08: records written by `set_if` and renewed by `touch` live as those written by `set`.

use std::time::{Duration, Instant};

use futures_util::future::try_join_all;
use session_store_api::{Condition, MaxAge};

use crate::case::{Case, Finding, Needs};
use crate::cases::durations::{SHORT_LIVES, long_lives};
use crate::context::Context;
use crate::life::{Life, until};
use crate::slot::{LASTING, Slot, When};

pub(crate) const CASES: &[Case] = &[
    Case::new("a08_never_early_and_never_late", |cx| {
        Box::pin(never_early_and_never_late(cx))
    })
    .needs(&[Needs::Atomic]),
    Case::new("a08_a_longer_life_replaces", |cx| {
        Box::pin(a_longer_life_replaces(cx))
    })
    .needs(&[Needs::Atomic]),
    Case::new("a08_zero_leaves_nothing", |cx| {
        Box::pin(zero_leaves_nothing(cx))
    })
    .needs(&[Needs::Atomic]),
    Case::new("a08_short_lives_end", |cx| Box::pin(short_lives_end(cx))).needs(&[Needs::Atomic]),
    Case::new("a08_long_lives_last", |cx| Box::pin(long_lives_last(cx))).needs(&[Needs::Atomic]),
    Case::new("a08_session_is_the_session_lifetime", |cx| {
        Box::pin(session_is_the_session_lifetime(cx))
    })
    .needs(&[Needs::Atomic]),
];

const SHORT: Duration = Duration::from_millis(250);

/// The ways other than `set` in which a record gets its life.
#[derive(Clone, Copy, Debug)]
enum Way {
    /// On a free key.
    Absent,
    /// On a key whose record has expired.
    AbsentOverExpired,
    /// Over a live record.
    Present,
    Unchanged,
    /// Over a live record of the same bytes.
    Same,
    Touch,
}

impl Way {
    const ALL: [Self; 6] = [
        Self::Absent,
        Self::AbsentOverExpired,
        Self::Present,
        Self::Unchanged,
        Self::Same,
        Self::Touch,
    ];

    /// Gives the record `value` and this max age, whatever stood there; if it was live, it would have
    /// lived for `before`.
    async fn write(
        self,
        slot: &Slot,
        value: &[u8],
        before: Duration,
        max_age: impl Into<MaxAge>,
    ) -> Result<Life, String> {
        use Condition::{Absent, Present, Unchanged};
        match self {
            Self::Absent => {
                slot.destroy().await?;
                slot.writes_if(Absent, value, max_age).await
            }
            Self::AbsentOverExpired => {
                slot.expires(b"old").await?;
                slot.writes_if(Absent, value, max_age).await
            }
            Self::Present => {
                slot.set(b"old", before).await?;
                slot.writes_if(Present, value, max_age).await
            }
            Self::Unchanged => {
                slot.set(b"old", before).await?;
                slot.writes_if(Unchanged(b"old"), value, max_age).await
            }
            Self::Same => {
                slot.set(value, before).await?;
                slot.writes_if(Unchanged(value), value, max_age).await
            }
            Self::Touch => {
                slot.set(value, before).await?;
                slot.is_touched(max_age).await
            }
        }
    }

    /// Whether the record was live before.
    fn needs_a_live_record(self) -> bool {
        !matches!(self, Self::Absent | Self::AbsentOverExpired)
    }
}

/// Runs `one` for every way and every one of `lives`, all at the same time.
async fn every_way<F>(lives: &[Duration], one: impl Fn(Way, Duration) -> F) -> Finding
where
    F: Future<Output = Finding>,
{
    let runs = Way::ALL.into_iter().flat_map(|way| {
        let runs = lives.iter().map(move |max_age| (way, *max_age));
        runs.collect::<Vec<_>>()
    });
    let named = runs.map(|(way, max_age)| {
        let run = one(way, max_age);
        async move { run.await.when(format_args!("{way:?} for {max_age:?}")) }
    });
    try_join_all(named).await?;
    Ok(())
}

fn slot_for(cx: &Context, way: Way, max_age: Duration) -> Slot {
    cx.slot(format_args!("{way:?}-{}", max_age.as_nanos()))
}

async fn never_early_and_never_late(cx: &Context) -> Finding {
    let lives = [150, 950, 1_300].map(Duration::from_millis);
    every_way(&lives, async |way, max_age| {
        let slot = slot_for(cx, way, max_age);
        let write = async |max_age| way.write(&slot, b"value", LASTING, max_age).await;
        slot.lives(b"value", max_age, write).await
    })
    .await
}

async fn a_longer_life_replaces(cx: &Context) -> Finding {
    every_way(&[SHORT], async |way, mut before| {
        let slot = slot_for(cx, way, before);
        if !way.needs_a_live_record() {
            return Ok(());
        }
        loop {
            let began = Instant::now();
            let written = way.write(&slot, b"value", before, LASTING).await;
            if began.elapsed() < before * 9 / 10 {
                written?;
                break;
            }
            before *= 2; // too slow to meet the record alive
        }
        until(Instant::now() + before + slot.resolution()).await;
        slot.holds(b"value")
            .await
            .when("after the end of the life before")
    })
    .await
}

async fn zero_leaves_nothing(cx: &Context) -> Finding {
    every_way(&[Duration::ZERO], async |way, zero| {
        let slot = slot_for(cx, way, zero);
        way.write(&slot, b"value", LASTING, LASTING).await?;
        slot.holds(b"value").await?;
        way.write(&slot, b"value", LASTING, zero).await?;
        slot.is_gone().await?;
        slot.refuses_touch().await?;
        slot.refuses_if(Condition::Present, b"late").await?;
        slot.writes_if(Condition::Absent, b"next", LASTING).await?;
        slot.holds(b"next").await
    })
    .await
}

async fn short_lives_end(cx: &Context) -> Finding {
    every_way(&SHORT_LIVES, async |way, max_age| {
        let slot = slot_for(cx, way, max_age);
        let life = way.write(&slot, b"value", LASTING, max_age).await?;
        life.check(&slot, b"value").await?;
        life.over(slot.resolution()).await;
        life.is_over(&slot).await?;
        slot.refuses_touch().await?;
        slot.writes_if(Condition::Absent, b"next", LASTING).await?;
        slot.holds(b"next").await
    })
    .await
}

async fn long_lives_last(cx: &Context) -> Finding {
    every_way(&long_lives(), async |way, max_age| {
        let slot = slot_for(cx, way, max_age);
        way.write(&slot, b"value", LASTING, max_age).await?;
        slot.holds(b"value").await.when("at once")?;
        until(Instant::now() + slot.resolution() + Duration::from_millis(1_100)).await;
        slot.holds(b"value").await.when("later")?;
        slot.destroy().await?;
        slot.is_gone().await
    })
    .await
}

async fn session_is_the_session_lifetime(cx: &Context) -> Finding {
    let usual = 2 * SHORT;
    let open = |session| cx.open(cx.setup().with_session_max_age(session));
    let store = open(usual).await?;
    every_way(&[usual], async |way, _| {
        let slot = slot_for(cx, way, usual);
        let write = async |session: Duration| {
            let longer = match session > usual {
                true => Some(open(session).await?),
                false => None,
            };
            let slot = slot.on(longer.as_ref().unwrap_or(&store));
            let life = way.write(&slot, b"value", LASTING, MaxAge::Session).await?;
            Ok((slot, life.of(session)))
        };
        slot.lives_where(b"value", usual, write).await?;
        // And a day where nothing is set.
        way.write(&slot, b"day", LASTING, MaxAge::Session).await?;
        until(Instant::now() + usual + slot.resolution()).await;
        slot.holds(b"day").await.when("unset")?;
        slot.destroy().await
    })
    .await
}
