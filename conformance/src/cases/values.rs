//! C02: bytes come back exactly.

use std::future::Future;

use futures_util::future::try_join_all;

use crate::case::{Case, Finding};
use crate::context::Context;
use crate::random::Random;
use crate::slot::{LASTING, When};

pub(crate) const CASES: &[Case] = &[
    Case::new("c02_small_values", |cx| Box::pin(small_values(cx))),
    Case::new("c02_every_byte", |cx| Box::pin(every_byte(cx))),
    Case::new("c02_no_text", |cx| Box::pin(no_text(cx))),
    Case::new("c02_protocol_words", |cx| Box::pin(protocol_words(cx))),
    Case::new("c02_large_values", |cx| Box::pin(large_values(cx))),
    Case::new("c02_random_values", |cx| Box::pin(random_values(cx))),
    Case::new("c02_buffers_are_copied", |cx| {
        Box::pin(buffers_are_copied(cx))
    }),
];

/// Writes each value under a key of its own and reads them all back, twice.
async fn round_trips<V: AsRef<[u8]> + Sync>(cx: &Context, values: &[V]) -> Finding {
    let round_trip = async |number: usize| {
        let (slot, value) = (cx.slot(number), values[number].as_ref());
        slot.set(value, LASTING).await?;
        slot.holds(value).await
    };
    try_join_all((0..values.len()).map(|number| named(number, round_trip(number)))).await?;
    let read_again = async |number: usize| {
        let slot = cx.slot(number);
        slot.holds(values[number].as_ref()).await?;
        slot.destroy().await
    };
    try_join_all((0..values.len()).map(|number| named(number, read_again(number)))).await?;
    Ok(())
}

async fn named(number: usize, found: impl Future<Output = Finding>) -> Finding {
    found.await.when(format_args!("value {number}"))
}

async fn small_values(cx: &Context) -> Finding {
    // An empty value is a value, and one byte may be any.
    let mut values = vec![Vec::new()];
    values.extend((0..=u8::MAX).step_by(5).map(|byte| vec![byte]));
    round_trips(cx, &values).await
}

async fn every_byte(cx: &Context) -> Finding {
    let rising: Vec<u8> = (0..=u8::MAX).collect();
    let falling: Vec<u8> = (0..=u8::MAX).rev().collect();
    round_trips(cx, &[rising, falling]).await
}

async fn no_text(cx: &Context) -> Finding {
    let values: [&[u8]; 22] = [
        b"\0",
        b"\0begin",
        b"mid\0dle",
        b"end\0",
        b"\0\0\0\0",
        b" blank on both sides ",
        b"line end\n",
        b"\r\n",
        b"tab\t",
        b"\x1A after the end of a text file",
        b"\xFF\xFE",
        b"\xC3",                      // begins a character and ends
        b"\xC0\x80",                  // an overlong NUL
        b"\xED\xA0\x80",              // a lone surrogate
        b"\xF4\x90\x80\x80",          // past the last character
        b"\xEF\xBB\xBFa mark before", // a byte order mark
        "composed \u{e9}, decomposed e\u{301}".as_bytes(),
        "beyond the basic plane: \u{1F511}".as_bytes(),
        b"\x1F\x8B\x08\x00\x00\x00\x00\x00", // gzip
        b"\x28\xB5\x2F\xFD\x04\x00",         // zstd
        b"\x78\x9C\x03\x00\x00\x00\x00\x01", // zlib
        b"\x80\x04N.",                       // pickle
    ];
    round_trips(cx, &values).await
}

async fn protocol_words(cx: &Context) -> Finding {
    let values: [&[u8]; 24] = [
        b"END\r\n",
        b"\r\nVALUE k 0 1\r\nx\r\nEND\r\n",
        b"EN\r\n",
        b"HD\r\nVA 1\r\n",
        b"STORED\r\n",
        b"SERVER_ERROR out of memory\r\n",
        b"+OK\r\n",
        b"-ERR wrong\r\n",
        b"$-1\r\n",
        b"_\r\n",
        b"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n",
        b"'; DROP TABLE sessions; --",
        b"\" OR \"\"=\"",
        b"\\x4142",
        b"\\\\ \\0 \\' $1 ?1 :a %s {}",
        b"NULL",
        b"nil",
        b"undefined",
        b"{}",
        b"[]",
        b"0",
        b"false",
        br#"{"expires":0,"expiry":"1970-01-01T00:00:00Z","maxAge":1,"_expire":1,"cookie":{"expires":0}}"#,
        br#"{"$set":{"value":1},"$$NOW":true,"_id":7}"#,
    ];
    round_trips(cx, &values).await
}

async fn large_values(cx: &Context) -> Finding {
    let mut random = Random::new(cx.seed());
    let largest = cx.facts().max_value.unwrap_or(usize::MAX);
    // Where pages, packets, columns and lengths of 16 bits end; and what every store takes.
    let sizes = [
        2047,
        4095,
        4096,
        8_191,
        8_192,
        16_384,
        65_535,
        65_536,
        65_537,
        262_145,
        (1 << 20) - 1024,
    ];
    let values: Vec<_> = sizes
        .into_iter()
        .filter(|size| *size <= largest)
        .map(|size| random.bytes(size))
        .collect();
    round_trips(cx, &values).await?;
    let zeros = [vec![0; 70_000.min(largest)], vec![b' '; 5_000.min(largest)]];
    round_trips(cx, &zeros).await
}

async fn random_values(cx: &Context) -> Finding {
    let mut random = Random::new(cx.seed());
    let largest = cx.facts().max_value.unwrap_or(usize::MAX);
    let values: Vec<_> = (0..60)
        .map(|_| {
            let size = 1 << random.below(15);
            let size = random.below(size + 1).min(largest);
            random.bytes(size)
        })
        .collect();
    let when = format!("seed {}", cx.seed());
    round_trips(cx, &values).await.when(when)
}

async fn buffers_are_copied(cx: &Context) -> Finding {
    let slot = cx.slot("buffer");
    // A part of a larger buffer is stored by its content, and the buffer is the caller's again.
    let mut buffer = b"before-the value-after".to_vec();
    slot.set(&buffer[7..16], LASTING).await?;
    buffer.fill(b'x');
    slot.holds(b"the value").await?;
    // What was read is the reader's.
    let mut read = slot.get().await?.ok_or("expected the value, saw None")?;
    read.fill(b'y');
    slot.holds(b"the value")
        .await
        .when("after the reader changed its copy")
}
