//! Each pair of a Node application and a Rust one serves the same sessions.
#![allow(clippy::unwrap_used, reason = "a test panics on the unexpected")]

use std::collections::BTreeMap;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use interop::{Browser, Gate, Node, NodeError, Page, Setting, serve};
use libtest_mimic::{Arguments, Failed, Trial};
use serde_json::{Value, json};
use session_layer::{Keys, Profile, SessionLayer, SessionLayerBuilder};
use session_store_redis::{RedisStore, redis};
use test_servers::{Kind, StartError, TestServer};
use tokio::runtime::Runtime;

/// One Node application and one Rust one that share their sessions.
struct Pair {
    name: &'static str,
    node: u16,
    rust: u16,
    /// The Rust application's `/slow` waits for it.
    gate: Gate,
    cookie: &'static str,
    /// The Redis, and how the names of records begin.
    store: Option<(String, &'static str)>,
}

type Case = fn(Arc<Pair>) -> Pin<Box<dyn Future<Output = ()>>>;

/// The Node processes and the Redis, as long as the tests run.
struct Servers {
    _node: Vec<Node>,
    _redis: TestServer,
}

const EVERYWHERE: &[(&str, Case)] = &[
    ("a_session_goes_to_and_fro", |pair| {
        Box::pin(to_and_fro(pair))
    }),
    ("what_one_clears_is_gone_for_the_other", |pair| {
        Box::pin(cleared(pair))
    }),
    ("values_of_every_kind_are_the_same", |pair| {
        Box::pin(values(pair))
    }),
    ("a_life_of_its_own_is_kept", |pair| Box::pin(own_life(pair))),
    ("a_life_as_long_as_the_browsers_is_kept", |pair| {
        Box::pin(session_life(pair))
    }),
    ("what_expired_for_one_has_for_the_other", |pair| {
        Box::pin(expired(pair))
    }),
    ("the_lines_are_alike", |pair| Box::pin(lines(pair))),
    ("an_empty_session_is_a_session", |pair| {
        Box::pin(empty(pair))
    }),
];

const WITH_STORE: &[(&str, Case)] = &[
    ("a_logout_at_one_is_one_at_the_other", |pair| {
        Box::pin(logout(pair))
    }),
    ("a_moved_session_is_found_under_its_new_id", |pair| {
        Box::pin(moved(pair))
    }),
    ("the_records_are_alike", |pair| Box::pin(records(pair))),
    ("a_slow_request_does_not_undo_nodes_logout", |pair| {
        Box::pin(slow(pair))
    }),
];

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let runtime = Arc::new(Runtime::new().unwrap());
    let (pairs, servers) = match runtime.block_on(start()) {
        Ok((pairs, servers)) => (pairs, Some(servers)),
        Err(reason) => {
            eprintln!("ignored: {reason}");
            (Vec::new(), None)
        }
    };
    let mut trials = Vec::new();
    for pair in pairs {
        let more = if pair.store.is_some() {
            WITH_STORE
        } else {
            &[]
        };
        for (name, case) in EVERYWHERE.iter().chain(more) {
            trials.push(trial(&runtime, &pair, name, *case));
        }
    }
    if servers.is_none() {
        let required = std::env::var_os("SESSION_STORE_REQUIRE").is_some_and(|it| it == "1");
        let refuse = || Err(Failed::from("Node, its packages or Redis are missing"));
        trials.push(Trial::test("interop", refuse).with_ignored_flag(!required));
    }
    let conclusion = libtest_mimic::run(&arguments, trials);
    drop(servers);
    conclusion.exit_code()
}

fn trial(runtime: &Arc<Runtime>, pair: &Arc<Pair>, name: &str, case: Case) -> Trial {
    let (runtime, pair) = (runtime.clone(), pair.clone());
    let name = format!("{}::{name}", pair.name);
    Trial::test(name, move || {
        let run = AssertUnwindSafe(|| runtime.block_on(case(pair)));
        std::panic::catch_unwind(run).map_err(|_| Failed::without_message())
    })
}

async fn start() -> Result<(Vec<Arc<Pair>>, Servers), String> {
    let redis = TestServer::start(Kind::Redis)
        .await
        .map_err(|error| match error {
            StartError::Unavailable(reason) => reason.to_string(),
            StartError::Failed(error) => panic!("{error}"),
        })?;
    let none = json!({});
    let over = |prefix| {
        Setting::new(&["k1", "k0"], &json!({"maxAge": 86_400_000})).store(redis.url(), prefix)
    };
    let with = |options| Setting::new(&["k1", "k0"], &options);
    // koa has no life of its own, and then forgets the end of a new cookie.
    let day = 86_400_000;
    let koa = BTreeMap::from([
        ("cookie", with(json!({"maxAge": day}))),
        ("unsigned", with(json!({"maxAge": day, "signed": false}))),
        ("rolling", with(json!({"maxAge": day, "rolling": true}))),
        ("renew", with(json!({"maxAge": day, "renew": true}))),
        ("store", over("koa:")),
    ]);
    let eggs = [
        ("egg3", with(none.clone())),
        ("egg3", with(json!({"encrypt": false}))),
        ("egg3", over("egg3:")),
        ("egg4", with(none.clone())),
        ("egg4", with(json!({"encrypt": true}))),
        ("egg4", over("egg4:")),
    ];
    let koa = Node::koa(&koa).await.map_err(missing)?;
    let mut node = Vec::new();
    for (folder, setting) in &eggs {
        node.push(Node::egg(folder, setting).await.map_err(missing)?);
    }
    let url = redis.url();
    let pairs = [
        pair("koa", koa.port("cookie"), cookie(Profile::Koa)).await,
        pair(
            "koa_unsigned",
            koa.port("unsigned"),
            cookie(Profile::Koa).signed(false),
        )
        .await,
        pair(
            "koa_rolling",
            koa.port("rolling"),
            cookie(Profile::Koa).rolling(true),
        )
        .await,
        pair(
            "koa_renew",
            koa.port("renew"),
            cookie(Profile::Koa).renew(true),
        )
        .await,
        pair(
            "koa_crossed_keys",
            koa.port("cookie"),
            crossed(Profile::Koa),
        )
        .await,
        pair(
            "koa_store",
            koa.port("store"),
            stored(Profile::Koa, url, "koa:").await,
        )
        .await,
        pair(
            "egg3_crossed_keys",
            node[0].port("egg"),
            crossed(Profile::Egg),
        )
        .await,
        pair(
            "egg3_signed_crossed_keys",
            node[1].port("egg"),
            crossed(Profile::Egg).encrypt(false),
        )
        .await,
        pair("egg3", node[0].port("egg"), cookie(Profile::Egg)).await,
        pair(
            "egg3_signed",
            node[1].port("egg"),
            cookie(Profile::Egg).encrypt(false),
        )
        .await,
        pair(
            "egg3_store",
            node[2].port("egg"),
            stored(Profile::Egg, url, "egg3:").await,
        )
        .await,
        pair(
            "egg4_as_it_comes",
            node[3].port("egg"),
            cookie(Profile::Egg).encrypt(false),
        )
        .await,
        pair("egg4_encrypted", node[4].port("egg"), cookie(Profile::Egg)).await,
        pair(
            "egg4_store",
            node[5].port("egg"),
            stored(Profile::Egg, url, "egg4:").await.encrypt(false),
        )
        .await,
    ];
    node.push(koa);
    let pairs = pairs.map(|mut pair| {
        let prefix = match pair.name {
            "koa_store" => "koa:",
            "egg3_store" => "egg3:",
            "egg4_store" => "egg4:",
            _ => return Arc::new(pair),
        };
        pair.store = Some((redis.url().to_owned(), prefix));
        Arc::new(pair)
    });
    let servers = Servers {
        _node: node,
        _redis: redis,
    };
    Ok((pairs.into(), servers))
}

fn missing(error: NodeError) -> String {
    match error {
        NodeError::Failed(cause) => panic!("{cause}"),
        error => error.to_string(),
    }
}

fn cookie(profile: Profile) -> SessionLayerBuilder {
    SessionLayer::cookie(Keys::keygrip(["k1", "k0"]).unwrap()).profile(profile)
}

/// Each writes with what is the other's old key.
fn crossed(profile: Profile) -> SessionLayerBuilder {
    SessionLayer::cookie(Keys::keygrip(["k0", "k1"]).unwrap()).profile(profile)
}

async fn stored(profile: Profile, url: &str, prefix: &str) -> SessionLayerBuilder {
    let store = RedisStore::connect(url).await.unwrap();
    let store = store.with_prefix(prefix).unwrap();
    SessionLayer::atomic(store, Keys::keygrip(["k1", "k0"]).unwrap()).profile(profile)
}

async fn pair(name: &'static str, node: u16, layer: SessionLayerBuilder) -> Pair {
    let gate = Gate::new();
    let rust = serve(layer.build().unwrap(), gate.clone()).await.unwrap();
    Pair {
        name,
        node,
        rust,
        gate,
        cookie: if name.starts_with("koa") {
            "koa.sess"
        } else {
            "EGG_SESS"
        },
        store: None,
    }
}

impl Pair {
    /// Node first, and Rust first.
    fn both(&self) -> [(u16, u16); 2] {
        [(self.node, self.rust), (self.rust, self.node)]
    }
}

async fn open(browser: &mut Browser, port: u16, path: &str) -> Page {
    let page = browser.get(port, path).await.unwrap();
    assert!((200..300).contains(&page.status), "{path}: {page:?}");
    page
}

async fn text(browser: &mut Browser, port: u16, path: &str) -> String {
    open(browser, port, path).await.body
}

async fn to_and_fro(pair: Arc<Pair>) {
    for (first, second) in pair.both() {
        let mut browser = Browser::default();
        for count in (1..40).step_by(2) {
            assert_eq!(text(&mut browser, first, "/count").await, count.to_string());
            assert_eq!(text(&mut browser, second, "/is_new").await, "false");
            assert_eq!(
                text(&mut browser, second, "/count").await,
                (count + 1).to_string()
            );
        }
    }
}

async fn cleared(pair: Arc<Pair>) {
    for (first, second) in pair.both() {
        let mut browser = Browser::default();
        open(&mut browser, first, "/count").await;
        open(&mut browser, second, "/destroy").await;
        assert!(browser.cookies.is_empty(), "{browser:?}");
        assert_eq!(text(&mut browser, first, "/is_new").await, "true");
    }
}

async fn values(pair: Arc<Pair>) {
    for (first, second) in pair.both() {
        let mut browser = Browser::default();
        open(&mut browser, first, "/count").await;
        let value = "%E4%B8%AD%E6%96%87%F0%9F%90%A2%22%27%3B%5C";
        open(&mut browser, first, &format!("/insert/text/{value}")).await;
        open(&mut browser, second, "/insert/more/x").await;
        let expected = json!({"count": 1, "text": "中文🐢\"';\\", "more": "x"});
        for port in [first, second] {
            let values: Value =
                serde_json::from_str(&text(&mut browser, port, "/values").await).unwrap();
            assert_eq!(values, expected);
        }
    }
}

/// The line that sets the session's cookie.
fn line<'a>(pair: &Pair, page: &'a Page) -> &'a str {
    let begin = format!("{}=", pair.cookie);
    let mut lines = page
        .set_cookies
        .iter()
        .filter(|line| line.starts_with(&begin));
    let line = lines.next().unwrap();
    assert!(lines.next().is_none(), "one line: {page:?}");
    line
}

/// How long the cookie lives from now, in seconds; none if it ends with the browser.
fn life(line: &str) -> Option<i64> {
    let (_, rest) = line.split_once("; expires=")?;
    let end = rest.split(';').next().unwrap();
    let end = httpdate::parse_http_date(end).unwrap();
    let left = end
        .duration_since(std::time::SystemTime::now())
        .unwrap_or_default();
    Some(i64::try_from(left.as_millis().div_ceil(1000)).unwrap())
}

async fn own_life(pair: Arc<Pair>) {
    for (first, second) in pair.both() {
        let mut browser = Browser::default();
        open(&mut browser, first, "/count").await;
        open(&mut browser, first, "/max_age/600000").await;
        for port in [second, first] {
            let page = open(&mut browser, port, "/count").await;
            let left = life(line(&pair, &page)).unwrap();
            assert!((590..=601).contains(&left), "{left}");
        }
    }
}

async fn session_life(pair: Arc<Pair>) {
    for (first, second) in pair.both() {
        let mut browser = Browser::default();
        open(&mut browser, first, "/count").await;
        let page = open(&mut browser, first, "/max_age/session").await;
        assert_eq!(life(line(&pair, &page)), None);
        for port in [second, first, second] {
            let page = open(&mut browser, port, "/count").await;
            assert_eq!(life(line(&pair, &page)), None);
            assert!(!line(&pair, &page).contains("max-age"));
        }
    }
}

async fn expired(pair: Arc<Pair>) {
    for (first, second) in pair.both() {
        let mut browser = Browser::default();
        open(&mut browser, first, "/count").await;
        open(&mut browser, first, "/max_age/1500").await;
        tokio::time::sleep(Duration::from_millis(1700)).await;
        assert_eq!(text(&mut browser, second, "/is_new").await, "true");
        assert_eq!(text(&mut browser, second, "/count").await, "1");
    }
}

/// Apart from the value and the time of day, Rust says what Node says, to the byte.
async fn lines(pair: Arc<Pair>) {
    let shape = |page: &Page| -> Vec<String> {
        let lines = page.set_cookies.iter().map(|line| {
            let (name, rest) = line.split_once('=').unwrap();
            let (value, attributes) = rest.split_once("; ").unwrap();
            let attributes: Vec<_> = attributes
                .split("; ")
                .map(|it| {
                    it.split_once("expires=")
                        .map_or(it, |(_, date)| &date[date.len() - 3..])
                })
                .collect();
            format!("{name} {} {attributes:?}", value.len())
        });
        lines.collect()
    };
    for path in ["/count", "/max_age/600000", "/max_age/session", "/destroy"] {
        let [mut node, mut rust] = [Browser::default(), Browser::default()];
        let (mut from_node, mut from_rust) = (
            shape(&open(&mut node, pair.node, path).await),
            shape(&open(&mut rust, pair.rust, path).await),
        );
        if pair.store.is_some() && path != "/destroy" {
            // Our ids are 24 characters, theirs 36.
            for lines in [&mut from_node, &mut from_rust] {
                let first = lines[0].split_once(" [").unwrap().1.to_owned();
                lines[0] = first;
            }
        }
        assert_eq!(from_rust, from_node, "{path}");
    }
}

async fn empty(pair: Arc<Pair>) {
    for (first, second) in pair.both() {
        let mut browser = Browser::default();
        open(&mut browser, first, "/is_new").await;
        assert!(browser.cookies.is_empty());
        open(&mut browser, first, "/save").await;
        assert_eq!(text(&mut browser, second, "/is_new").await, "false");
        assert_eq!(text(&mut browser, second, "/values").await, "{}");
    }
}

async fn logout(pair: Arc<Pair>) {
    for (first, second) in pair.both() {
        let mut browser = Browser::default();
        open(&mut browser, first, "/count").await;
        let mut thief = browser.clone();
        open(&mut browser, second, "/destroy").await;
        for port in [first, second] {
            assert_eq!(text(&mut thief, port, "/is_new").await, "true");
        }
    }
}

async fn moved(pair: Arc<Pair>) {
    for (first, second) in pair.both() {
        let mut browser = Browser::default();
        open(&mut browser, first, "/count").await;
        let mut thief = browser.clone();
        open(&mut browser, second, "/regenerate").await;
        assert_ne!(browser.cookies, thief.cookies);
        for (port, count) in [(first, "2"), (second, "3")] {
            assert_eq!(text(&mut thief, port, "/is_new").await, "true");
            assert_eq!(text(&mut browser, port, "/count").await, count);
        }
    }
}

/// The same JSON, apart from the time of day, for the same time.
async fn records(pair: Arc<Pair>) {
    let (url, prefix) = pair.store.clone().unwrap();
    let client = redis::Client::open(url).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let mut shapes = Vec::new();
    for port in [pair.node, pair.rust] {
        let mut browser = Browser::default();
        open(&mut browser, port, "/count").await;
        let mark = format!("{}-{port}", pair.name); // other tests write at the same time
        open(&mut browser, port, &format!("/insert/name/{mark}")).await;
        let mut keys = redis::cmd("KEYS");
        keys.arg(format!("{prefix}*"));
        let names: Vec<String> = keys.query_async(&mut connection).await.unwrap();
        for name in names {
            let mut get = redis::cmd("GET");
            let text: Option<String> = get.arg(&name).query_async(&mut connection).await.unwrap();
            let Some(text) = text.filter(|text| text.contains(&mark)) else {
                continue;
            };
            let mut pttl = redis::cmd("PTTL");
            let life: u64 = pttl.arg(&name).query_async(&mut connection).await.unwrap();
            assert!((86_400_000..=86_410_000).contains(&life), "{life}");
            let (_, expire) = text.split_once("\"_expire\":").unwrap();
            let expire = expire.split(',').next().unwrap();
            let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap();
            let left = expire.parse::<u128>().unwrap() - now.as_millis();
            assert!(
                u128::from(life).abs_diff(left + 10_000) < 5000,
                "{life} {left}"
            );
            shapes.push(text.replace(expire, "0").replace(&mark, "Ada"));
        }
    }
    assert_eq!(shapes.len(), 2);
    assert_eq!(shapes[0], shapes[1]);
    assert_eq!(
        shapes[1],
        r#"{"count":1,"name":"Ada","_expire":0,"_maxAge":86400000}"#
    );
}

async fn slow(pair: Arc<Pair>) {
    let mut browser = Browser::default();
    open(&mut browser, pair.node, "/count").await;
    let mut elsewhere = browser.clone();
    let (slow, ()) = tokio::join!(browser.get(pair.rust, "/slow"), async {
        pair.gate.reached().await;
        open(&mut elsewhere, pair.node, "/destroy").await;
        pair.gate.open();
    });
    assert!(slow.unwrap().set_cookies.is_empty());
    for port in [pair.node, pair.rust] {
        assert_eq!(text(&mut browser, port, "/is_new").await, "true");
    }
}
