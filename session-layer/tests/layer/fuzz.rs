//! Cookies of every form, damaged, mixed and made up: for a second, or for as many as `SESSION_LAYER_FUZZ_SECONDS` says.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Map, Value};
use session_layer::{Accept, Keys, Profile, SessionLayer, SessionLayerBuilder};

use crate::app::app;
use crate::client::Client;
use crate::cookie_mode;
use crate::probe::Probe;
use crate::properties::each_over;
use crate::random::Random;

/// An application with one form of cookie, and a visitor who has a session there.
struct Target {
    name: String,
    visitor: Client,
    /// The visitor's values.
    own: String,
    /// Where the sessions are, if not in the cookie.
    store: Option<Probe>,
    /// Nobody without the keys can make a cookie that opens.
    is_authenticated: bool,
    author: Author,
}

/// Who has the keys and puts any text into a cookie.
struct Author {
    client: Client,
    text: Arc<Mutex<String>>,
    makes_ids: bool,
}

#[tokio::test]
async fn whatever_a_cookie_holds_is_a_session_or_a_new_one() {
    let seconds = std::env::var("SESSION_LAYER_FUZZ_SECONDS");
    let seconds = seconds.map_or(1, |seconds| seconds.parse().unwrap());
    let mut random = Random::new();
    let targets = targets().await;
    let begin = Instant::now();
    let mut inputs = 0_u64;
    while begin.elapsed() < Duration::from_secs(seconds) {
        let target = &targets[random.below(targets.len())];
        let (header, by_author) = match random.below(4) {
            0 => match target.author.write(&text(&mut random)).await {
                Some(cookies) => (header(&mut random, &cookies), true),
                None => continue, // no cookie can hold it
            },
            1 => (noise(&mut random), false),
            _ => (damaged(&mut random, &targets, target), false),
        };
        inputs += u64::from(target.survives(&mut random, &header, by_author).await);
    }
    for target in &targets {
        let own = target.visitor.peek("/values").await.body;
        assert_eq!(own, target.own, "{} still opens", target.name);
    }
    println!("{inputs} cookies in {:?}", begin.elapsed());
}

async fn targets() -> Vec<Target> {
    let mut targets = Vec::new();
    for (form, layer) in cookie_mode::each().into_iter().enumerate() {
        let is_cbc = form == 2;
        targets.push(Target::new(&format!("cookie {form}"), None, !is_cbc, layer).await);
    }
    targets.push(Target::new("cookie of any form", None, false, any_form()).await);
    let store = Probe::new();
    for (form, layer) in each_over(&store).into_iter().enumerate() {
        let is_bare = form == 5;
        let store = Some(store.clone());
        targets.push(Target::new(&format!("id {form}"), store, !is_bare, layer).await);
    }
    targets
}

fn any_form() -> SessionLayerBuilder {
    let node = |profile| Accept::new(profile).keys(Keys::keygrip(["key"]).unwrap());
    SessionLayer::cookie(Keys::new([8; 32]).unwrap())
        .accept(node(Profile::Egg))
        .accept(node(Profile::Egg).encrypt(false))
        .accept(node(Profile::Koa))
        .accept(node(Profile::Koa).signed(false).key("bare"))
}

impl Target {
    async fn new(
        name: &str,
        store: Option<Probe>,
        is_authenticated: bool,
        layer: SessionLayerBuilder,
    ) -> Self {
        let author = Author::new(layer.clone(), store.is_some());
        let mut visitor = Client::new(&app(layer));
        let path = format!("/insert/secret/{}", name.replace(' ', "-"));
        visitor.get(&path).await;
        let own = visitor.peek("/values").await.body;
        Self {
            name: name.to_owned(),
            visitor,
            own,
            store,
            is_authenticated,
            author,
        }
    }

    /// Sends the header. Says whether a server lets it through.
    async fn survives(&self, random: &mut Random, header: &[u8], by_author: bool) -> bool {
        let paths: &[&str] = match &self.store {
            None => &[
                "/values",
                "/insert/b/2",
                "/regenerate",
                "/destroy",
                "/life",
                "/expires_in",
            ],
            Some(_) => &["/values", "/values", "/is_new", "/expires_in", "/idle"],
        };
        let path = paths[random.below(paths.len())];
        if let Some(store) = &self.store {
            store.calls();
        }
        let Some(reply) = self.visitor.raw(path, header).await else {
            return false;
        };
        let input = || format!("{} {path} {}", self.name, header.escape_ascii());
        assert!(reply.status.is_success(), "{}: {}", reply.status, input());
        let may_be_own = !self.is_authenticated || self.is_whole(header);
        if path != "/values" || (may_be_own && reply.body == self.own) {
            return true;
        }
        let values = serde_json::from_str::<Map<String, Value>>(&reply.body);
        assert!(values.is_ok(), "{}: {}", reply.body, input());
        let may_be_any = !self.is_authenticated || (by_author && self.store.is_none());
        assert!(
            may_be_any || reply.body == "{}",
            "{}: {}",
            reply.body,
            input()
        );
        if let Some(store) = &self.store {
            let asked = !store.calls().is_empty();
            assert!(
                !asked || !self.is_authenticated,
                "the store was asked: {}",
                input()
            );
        }
        true
    }

    /// Whether all that the visitor was given stands in the header, but for base64's padding.
    fn is_whole(&self, header: &[u8]) -> bool {
        let stands = |value: &String| {
            let value = value.trim_end_matches('=').as_bytes();
            header.windows(value.len()).any(|part| part == value)
        };
        self.visitor.cookies.values().all(stands)
    }
}

impl Author {
    fn new(layer: SessionLayerBuilder, has_store: bool) -> Self {
        let text = Arc::new(Mutex::new(String::new()));
        let told = Arc::clone(&text);
        let tell = move || {
            let text = told.lock().unwrap().clone();
            async move { Ok(text) }
        };
        let layer = match has_store {
            true => layer.genid(move |_| tell()),
            false => layer
                .encode(move |_, _| tell())
                .decode(|_, _| async { Ok(None) }),
        };
        Self {
            client: Client::new(&app(layer)),
            text,
            makes_ids: has_store,
        }
    }

    /// The cookies around `text`; none if no cookie can hold it, or if it may be an id, or one that is taken.
    async fn write(&self, text: &str) -> Option<BTreeMap<String, String>> {
        if self.makes_ids && [24, 36].contains(&text.len()) {
            return None;
        }
        text.clone_into(&mut self.text.lock().unwrap());
        let mut client = self.client.clone();
        let reply = client.get("/save").await;
        reply.status.is_success().then_some(client.cookies)
    }
}

/// What may be in a session's cookie, or nearly.
fn text(random: &mut Random) -> String {
    const PIECES: [&str; 24] = [
        "{",
        "}",
        "[",
        "]",
        ":",
        ",",
        "\"a\"",
        "\"_expire\"",
        "\"_maxAge\"",
        "\"_session\"",
        "true",
        "null",
        "0",
        "-1",
        "1e999",
        "1e308",
        "18446744073709551615",
        "9007199254740993",
        "\"\\ud800\"",
        "\"\\u0000\"",
        "\"中\"",
        " ",
        "{\"a\":1,\"_expire\":99999999999999,\"_maxAge\":1}",
        "{\"a\":{\"a\":[[[[[[[[",
    ];
    let mut text = match random.below(4) {
        0 => format!("{{\"a\":{}", "[".repeat(random.below(2800))),
        1 => {
            let field = ["_expire", "_maxAge", "_session"][random.below(3)];
            let number = NUMBERS[random.below(NUMBERS.len())];
            format!("{{\"b\":1,\"{field}\":{number}}}")
        }
        2 => "{\"b\":1,\"_expire\":".to_owned(),
        _ => String::new(),
    };
    if text.ends_with('}') && random.below(2) == 0 {
        return encoded(random, text);
    }
    for _ in 0..random.below(12) {
        text.push_str(PIECES[random.below(PIECES.len())]);
    }
    encoded(random, text)
}

/// The text as one form of cookie has it, or another.
fn encoded(random: &mut Random, text: String) -> String {
    match random.below(4) {
        0 => text,
        1 => STANDARD.encode(text),
        2 => URL_SAFE_NO_PAD.encode(text),
        _ => {
            let graphic = |_| char::from(b'!' + random.byte() % 94);
            (0..40).map(graphic).collect()
        }
    }
}

/// Times and lengths of time, at the ends of what can be counted.
const NUMBERS: [&str; 8] = [
    "-1",
    "0",
    "1.5",
    "9007199254740992",
    "9223372036854775807",
    "9223372036854775808",
    "18446744073709551615",
    "1e300",
];

/// A header that was never anybody's.
fn noise(random: &mut Random) -> Vec<u8> {
    let mut noise = Vec::new();
    for _ in 0..=random.below(3) {
        noise.extend_from_slice(NAMES[random.below(NAMES.len())].as_bytes());
        let len = random.below(300);
        noise.extend((0..len).map(|_| random.byte()));
        noise.push(b';');
    }
    noise
}

const NAMES: [&str; 8] = [
    "EGG_SESS=",
    "EGG_SESS.sig=",
    "koa.sess=",
    "koa.sess.sig=",
    "bare=",
    "EGG_SESS",
    "=",
    "",
];

/// The cookies of the visitor, or of another one, with something wrong.
fn damaged(random: &mut Random, targets: &[Target], target: &Target) -> Vec<u8> {
    let other = &targets[random.below(targets.len())].visitor.cookies;
    let mut cookies = target.visitor.cookies.clone();
    for (name, value) in other {
        match random.below(4) {
            0 => drop(cookies.insert(name.clone(), value.clone())),
            1 => drop(cookies.remove(name)),
            _ => {}
        }
    }
    let mut header = header(random, &cookies);
    for _ in 0..random.below(6) {
        damage(random, &mut header);
    }
    header
}

fn damage(random: &mut Random, bytes: &mut Vec<u8>) {
    if bytes.is_empty() {
        return;
    }
    let at = random.below(bytes.len());
    match random.below(8) {
        0 => bytes[at] = random.byte(),
        1 => bytes[at] ^= 1 << random.below(8),
        2 => drop(bytes.remove(at)),
        3 => bytes.insert(at, random.byte()),
        4 => bytes.insert(at, b"; =\",.%-_"[random.below(9)]),
        5 => bytes.truncate(at),
        // Text is cut between characters only.
        6 => {
            let character = ["é", "中", "🐢"][random.below(3)];
            drop(bytes.splice(at..at, character.bytes()));
        }
        _ => {
            let end = at + random.below(bytes.len() - at + 1);
            let piece = bytes[at..end].to_vec();
            bytes.extend(piece);
        }
    }
}

/// The pairs in any order and spelling, some of them twice.
fn header(random: &mut Random, cookies: &BTreeMap<String, String>) -> Vec<u8> {
    let mut pairs: Vec<String> = Vec::new();
    for (name, value) in cookies {
        let pair = match random.below(8) {
            0 => format!("{name}=\"{value}\""),
            1 => format!(" {name} = {value} "),
            2 => format!("{name}={value}; path=/; max-age=1; {name}={value}"),
            _ => format!("{name}={value}"),
        };
        pairs.insert(random.below(pairs.len() + 1), pair);
    }
    pairs
        .join(["; ", ";", " ; ", ";;"][random.below(4)])
        .into_bytes()
}
