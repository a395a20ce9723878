//! C04: different keys are different records.

use std::future::Future;

use futures_util::future::try_join_all;
use session_store_api::SessionKey;

use crate::case::{Case, Finding};
use crate::context::Context;
use crate::slot::{LASTING, Slot, When};

pub(crate) const CASES: &[Case] = &[
    Case::new("c04_case_matters", |cx| Box::pin(case_matters(cx))),
    Case::new("c04_length_matters", |cx| Box::pin(length_matters(cx))),
    Case::new("c04_every_character", |cx| Box::pin(every_character(cx))),
    Case::new("c04_the_longest_keys", |cx| Box::pin(the_longest_keys(cx))),
    Case::new("c04_hostile_keys", |cx| Box::pin(hostile_keys(cx))),
    Case::new("c04_no_other_spelling", |cx| {
        Box::pin(no_other_spelling(cx))
    }),
];

/// Gives every key a value of its own, reads them all, and destroys them one by one: none may disturb
/// another.
async fn are_different(slots: &[Slot]) -> Finding {
    let all = slots.len();
    let is_gone = async |number: usize| slots[number].is_gone().await;
    let holds = async |number: usize| slots[number].holds(value_of(number).as_bytes()).await;
    let set = async |number: usize| {
        let written = slots[number]
            .set(value_of(number).as_bytes(), LASTING)
            .await;
        written.map(|_| ())
    };
    for_each(all, is_gone).await.when("not yet written")?;
    for_each(all, set).await?;
    for_each(all, holds).await?;
    for (number, slot) in slots.iter().enumerate() {
        let when = format!("key {number} of {all}, with those before destroyed");
        holds(number).await.when(when)?;
        slot.destroy().await?;
    }
    for_each(all, is_gone).await.when("destroyed")
}

fn value_of(number: usize) -> String {
    format!("value {number}")
}

/// Does the same with so many keys at the same time.
async fn for_each<F>(all: usize, act: impl Fn(usize) -> F + Sync) -> Finding
where
    F: Future<Output = Finding> + Send,
{
    let acts = (0..all).map(async |number| {
        let found = act(number).await;
        found.when(format_args!("key {number} of {all}"))
    });
    try_join_all(acts).await?;
    Ok(())
}

/// Keys that are exactly these texts, in a store of this case alone.
async fn bare<K: AsRef<str> + Sync>(
    cx: &Context,
    own: &str,
    keys: &[K],
) -> Result<Vec<Slot>, String> {
    let store = cx.open(cx.setup().beyond(own)).await?;
    let slot = cx.slot("").on(&store);
    let bare = |key: &K| {
        let key = SessionKey::new(key.as_ref()).map_err(|error| error.to_string())?;
        Ok(slot.at(key))
    };
    keys.iter().map(bare).collect()
}

async fn case_matters(cx: &Context) -> Finding {
    let names = [
        "abc", "ABC", "Abc", "abC", "aBc", "sS", "ss", "SS", "0x1f", "0x1F", "0X1f",
    ];
    are_different(&names.map(|name| cx.slot(name))).await
}

async fn length_matters(cx: &Context) -> Finding {
    let names = [
        "", "a", "aa", "aaa", "a.", "a-", "a_", "a=", "a==", "a/", "a0", "a00", "b",
    ];
    are_different(&names.map(|name| cx.slot(name))).await?;
    let short = ["0", "00", "1", "01", "-1", "+1", "1.0", "1e0", "a", "A"];
    are_different(&bare(cx, "_short", &short).await?).await
}

async fn every_character(cx: &Context) -> Finding {
    let texts: Vec<String> = ('!'..='~').map(String::from).collect();
    // At the end, in the middle, and as the whole of a key.
    let slots: Vec<_> = texts.iter().map(|text| cx.slot(text)).collect();
    let middle: Vec<_> = texts
        .iter()
        .map(|text| cx.slot(format!("{text}m")))
        .collect();
    let alone = bare(cx, "_chars", &texts).await?;
    let (one, two, three) = tokio::join!(
        are_different(&slots),
        are_different(&middle),
        are_different(&alone),
    );
    one.and(two).and(three)
}

async fn the_longest_keys(cx: &Context) -> Finding {
    let ending = |end: &str| "k".repeat(SessionKey::MAX_LEN - end.len()) + end;
    let starting = |start: &str| start.to_owned() + &"k".repeat(SessionKey::MAX_LEN - start.len());
    let mut keys: Vec<_> = ["", "a", "A", "b", "ab"].map(ending).into();
    keys.extend(["a", "A", "b", "ab"].map(starting));
    keys.extend([64, 127, 128, 191, 199].map(|len| "k".repeat(len)));
    keys.push("%".repeat(SessionKey::MAX_LEN));
    keys.push("'".repeat(SessionKey::MAX_LEN));
    are_different(&bare(cx, "_longest", &keys).await?).await
}

/// Keys that mean something to somebody, between blanks, since no key has one.
const HOSTILE: &str = r##"
    ' '' " ` \ \' ; -- /* */ ';DROP/**/TABLE/**/sessions;-- 'OR'1'='1 x'||'y $1 ?1 :key %s % %% _ __ \_ NULL
    * ? [a] [!a] [ ] .* ^a$ a|b
    . .. ../.. / // /etc/passwd a b a/b a//b a/./b a/../b a\b C:\x ~ %2e%2e%2f %00
    $where {"$ne":null} $$NOW a.b {} {a}b {b}a { } __proto__ constructor ${x} #{x} {{x}} $(x) `x` <!-- &amp;
    \r\n get flush_all FLUSHALL noreply +OK -ERR $-1 :0 END
    : :: a:b session: sess:a | - = @ , + # !
"##;

async fn hostile_keys(cx: &Context) -> Finding {
    let keys: Vec<&str> = HOSTILE.split_whitespace().collect();
    are_different(&bare(cx, "_hostile", &keys).await?).await
}

/// Keys of which some are the same to somebody who decodes, folds or trims.
const SPELLINGS: &str = r"
    A %41 a A. YQ YQ== YR + %2B %2b %20 a% &#97; \u0061 \x61 0061 61 =61 a\ a\\ a/ a/. a// ./a a; a# a?
";

async fn no_other_spelling(cx: &Context) -> Finding {
    let slots: Vec<_> = SPELLINGS
        .split_whitespace()
        .map(|name| cx.slot(name))
        .collect();
    are_different(&slots).await
}
