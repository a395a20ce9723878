//! Cookies nobody was given.

use session_layer::{SessionLayer, SessionLayerBuilder};

use crate::app::{app, keys};
use crate::client::Client;
use crate::probe::Probe;
use crate::random::Random;

/// A client with a session, under each form of cookie.
async fn victims() -> Vec<(Probe, Client)> {
    let forms: [fn(SessionLayerBuilder) -> SessionLayerBuilder; 2] = [|b| b, |b| b.encrypt(false)];
    let mut victims = Vec::new();
    for form in forms {
        let store = Probe::new();
        let builder = SessionLayer::atomic(store.clone(), keys());
        let mut client = Client::new(&app(form(builder)));
        client.get("/insert/a/secret").await;
        victims.push((store, client));
    }
    victims
}

/// This `Cookie` header leads to a new session, without a question to the store.
async fn is_nobody(store: &Probe, client: &Client, cookie: &[u8]) {
    store.calls();
    let Some(reply) = client.raw("/get/a", cookie).await else {
        return; // no server lets it through
    };
    assert_eq!(reply.body, "-");
    assert!(store.calls().is_empty());
    assert!(reply.set_cookies().is_empty());
}

fn header(value: &[u8]) -> Vec<u8> {
    [b"EGG_SESS=", value].concat()
}

#[tokio::test]
async fn every_flipped_bit_every_cut_and_every_addition_is_nobody() {
    for (store, client) in victims().await {
        let cookie = client.cookie().as_bytes();
        for at in 0..cookie.len() {
            is_nobody(&store, &client, &header(&cookie[..at])).await;
            is_nobody(&store, &client, &header(&cookie[at + 1..])).await;
            for bit in 0..8 {
                let mut flipped = cookie.to_vec();
                flipped[at] ^= 1 << bit;
                is_nobody(&store, &client, &header(&flipped)).await;
            }
        }
        for extra in [&b"="[..], b"==", b"A", b".", b"\"", b",x", b"%00", b"\xFF"] {
            is_nobody(&store, &client, &header(&[cookie, extra].concat())).await;
            is_nobody(&store, &client, &header(&[extra, cookie].concat())).await;
        }
        assert_eq!(
            client.peek("/get/a").await.body,
            "secret",
            "the real one still opens"
        );
    }
}

#[tokio::test]
async fn two_cookies_are_nobody_whichever_is_real() {
    let victims = victims().await;
    for (store, client) in &victims {
        let mut other = client.clone();
        other.cookies.clear();
        other.get("/insert/a/other").await;
        let (one, two) = (client.cookie(), other.cookie());
        for pair in [
            [one, one],
            [one, two],
            [two, one],
            [one, "junk"],
            ["junk", one],
            ["", one],
        ] {
            let cookie = format!("EGG_SESS={}; theme=dark; EGG_SESS={}", pair[0], pair[1]);
            is_nobody(store, client, cookie.as_bytes()).await;
        }
    }
}

#[tokio::test]
async fn a_bare_id_is_nobody() {
    let (store, client) = &victims().await[1];
    let id = client.id();
    for cookie in [
        id.as_str().to_owned(),
        format!("{}.", id.as_str()),
        format!(".{}", id.as_str()),
    ] {
        is_nobody(store, client, &header(cookie.as_bytes())).await;
    }
    let (sealed_store, sealed) = &victims().await[0];
    is_nobody(sealed_store, sealed, &header(client.cookie().as_bytes())).await;
}

#[tokio::test]
async fn noise_of_any_length_is_nobody() {
    let mut random = Random::new();
    for (store, client) in victims().await {
        let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=";
        for round in 0..2_000 {
            let len = random.below(200);
            let noise: Vec<u8> = (0..len)
                .map(|_| match round % 2 {
                    0 => random.byte(),
                    _ => alphabet[random.below(alphabet.len())],
                })
                .filter(|byte| *byte != b';')
                .collect();
            is_nobody(&store, &client, &header(&noise)).await;
        }
        for huge in [b'A', b'.', b';', b'=', 0xFF] {
            is_nobody(&store, &client, &header(&vec![huge; 100 * 1024])).await;
        }
        is_nobody(&store, &client, &b"EGG_SESS=;".repeat(10_000)).await;
        is_nobody(&store, &client, b"").await;
    }
}

#[tokio::test]
async fn several_damaged_bytes_at_once_are_nobody() {
    let mut random = Random::new();
    for (store, client) in victims().await {
        for _ in 0..2_000 {
            let mut damaged = client.cookie().as_bytes().to_vec();
            for _ in 0..=random.below(8) {
                let at = random.below(damaged.len());
                match random.below(3) {
                    0 => damaged[at] = random.byte(),
                    1 => drop(damaged.remove(at)),
                    _ => damaged.insert(at, random.byte()),
                }
            }
            let spares_it = damaged.trim_ascii() == client.cookie().as_bytes();
            if !spares_it && !damaged.contains(&b';') {
                is_nobody(&store, &client, &header(&damaged)).await;
            }
        }
    }
}
