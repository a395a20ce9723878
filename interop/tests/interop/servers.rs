//! The servers, and the applications on them.

use std::sync::Arc;

use interop::{Gate, Node, NodeError, Setting, bound, in_header, in_hex, serve};
use serde_json::{Value, json};
use session_layer::{Accept, Keys, Profile, SessionLayer, SessionLayerBuilder};
use session_store_redis::RedisStore;
use test_servers::{Kind, StartError, TestServer};

use crate::pair::{Cases, Pair};
use crate::{everywhere, hooks, in_store, moving, renewal, rotation};

/// The keys of every application, the newest first.
const KEYS: [&str; 2] = ["k1", "k0"];

/// Who has these writes with what is the other's old key.
const CROSSED: [&str; 2] = ["k0", "k1"];

const IN_COOKIE: &[Cases] = &[everywhere::CASES];
const IN_STORE: &[Cases] = &[everywhere::CASES, in_store::CASES];

/// The Node processes and the Redis, as long as the tests run.
pub(crate) struct Servers {
    pub(crate) pairs: Vec<Arc<Pair>>,
    _node: [Node; 3],
    _redis: TestServer,
}

/// Packages of one generation, and a Redis for the sessions that live in one.
#[derive(Clone, Copy)]
struct Land<'a> {
    /// The folder of the packages.
    name: &'static str,
    profile: Profile,
    redis: &'a str,
    store: &'a RedisStore,
}

/// Where the sessions of a pair live.
#[derive(Clone, Copy)]
enum Place {
    Cookie,
    Store,
}

/// What a session's cookie looks like, and how both sides are told.
struct Form {
    name: &'static str,
    node: Value,
    rust: fn(SessionLayerBuilder) -> SessionLayerBuilder,
}

/// A pair in the making.
struct Setup {
    name: String,
    node: Setting,
    rust: SessionLayerBuilder,
    profile: Profile,
    store: Option<(String, String)>,
    cases: &'static [Cases],
}

pub(crate) async fn start() -> Result<Servers, String> {
    let redis = TestServer::start(Kind::Redis)
        .await
        .map_err(|error| match error {
            StartError::Unavailable(reason) => reason.to_string(),
            StartError::Failed(error) => panic!("{error}"),
        })?;
    let store = RedisStore::connect(redis.url()).await.unwrap();
    let land = |name, profile| Land {
        name,
        profile,
        redis: redis.url(),
        store: &store,
    };
    let (koa, egg3, egg4) = tokio::try_join!(
        land("koa", Profile::Koa).settle(),
        land("egg3", Profile::Egg).settle(),
        land("egg4", Profile::Egg).settle(),
    )
    .map_err(|error| match error {
        NodeError::Failed(cause) => panic!("{cause}"),
        error => error.to_string(),
    })?;
    let mut pairs = koa.1;
    pairs.extend(egg3.1);
    pairs.extend(egg4.1);
    Ok(Servers {
        pairs,
        _node: [koa.0, egg3.0, egg4.0],
        _redis: redis,
    })
}

impl Land<'_> {
    /// Starts the applications.
    async fn settle(self) -> Result<(Node, Vec<Arc<Pair>>), NodeError> {
        let setups = self.setups();
        let settings = setups
            .iter()
            .map(|setup| (setup.name.as_str(), setup.node.clone()));
        let settings = settings.collect();
        let node = match self.profile {
            Profile::Koa => Node::koa(&settings).await?,
            _ => Node::egg(self.name, &settings).await?,
        };
        let mut pairs = Vec::new();
        for setup in setups {
            pairs.push(Arc::new(setup.serve(&node).await));
        }
        Ok((node, pairs))
    }

    /// The forms of its cookies, the preferred one first.
    fn forms(self) -> [Form; 2] {
        let form = |name, node, rust| Form { name, node, rust };
        match self.name {
            "koa" => [
                form("signed", json!({}), |it| it),
                form("unsigned", json!({"signed": false}), |it| it.signed(false)),
            ],
            "egg3" => [
                form("encrypted", json!({}), |it| it),
                form("signed", json!({"encrypt": false}), |it| it.encrypt(false)),
            ],
            // egg 4 means to encrypt by default, and does not.
            _ => [
                form("encrypted", json!({"encrypt": true}), |it| it),
                form("as_it_comes", json!({}), |it| it.encrypt(false)),
            ],
        }
    }

    fn setups(self) -> Vec<Setup> {
        let mut setups = Vec::new();
        let forms = self.forms();
        for place in [Place::Cookie, Place::Store] {
            for form in &forms {
                setups.push(self.setup(place, form, "", json!({})));
                let mut crossed = self.setup(place, form, "_crossed_keys", json!({}));
                crossed.rust = (form.rust)(self.layer(place, &CROSSED, &crossed.name));
                match form.name {
                    "unsigned" => continue,
                    "encrypted" => crossed.cases = &[rotation::CASES],
                    _ => {}
                }
                setups.push(crossed);
            }
            let preferred = &forms[0];
            let with = |name, options| self.setup(place, preferred, name, options);

            let mut rolling = with("_rolling", json!({"rolling": true}));
            rolling.rust = rolling.rust.rolling(true);
            rolling.cases = &[everywhere::CASES, renewal::CASES, renewal::ROLLING];
            let mut renew = with("_renew", json!({"renew": true}));
            renew.rust = renew.rust.renew(true);
            renew.cases = &[everywhere::CASES, renewal::CASES, renewal::RENEW];

            let mut one_visitors = with("_bound", json!({}));
            one_visitors.node = one_visitors.node.bound();
            one_visitors.rust = bound(one_visitors.rust);
            one_visitors.cases = &[hooks::BOUND];

            let mut moves = with("_moving", json!({}));
            let theirs = Accept::new(self.profile).keys(Keys::keygrip(KEYS).unwrap());
            let sealed = self.layer(place, &[&"new".repeat(16)], &moves.name);
            moves.rust = sealed.profile(Profile::Sealed).accept(theirs);
            moves.cases = &[moving::CASES];
            setups.extend([rolling, renew, one_visitors, moves]);
        }
        let mut prefixed = self.setup(
            Place::Store,
            &forms[0],
            "_prefixed",
            json!({"prefix": "app:"}),
        );
        prefixed.rust = prefixed.rust.prefix("app:");
        let mut carried = self.setup(Place::Store, &forms[0], "_in_header", json!({}));
        carried.node = carried.node.in_header();
        carried.rust = in_header(carried.rust);
        carried.cases = &[hooks::IN_HEADER];

        let mut hex = self.setup(Place::Cookie, &forms[0], "_in_hex", json!({}));
        hex.node = hex.node.in_hex();
        hex.rust = in_hex(hex.rust);
        setups.extend([prefixed, carried, hex]);
        setups
    }

    /// Both sides with the same keys and the same form of cookie, and Node with `options` besides.
    fn setup(self, place: Place, form: &Form, what: &str, options: Value) -> Setup {
        let (place_name, cases) = match place {
            Place::Cookie => ("cookie", IN_COOKIE),
            Place::Store => ("store", IN_STORE),
        };
        let name = format!("{}_{}_{place_name}{what}", self.name, form.name);
        let mut all = form.node.clone();
        // koa has no life of its own, and then forgets the end of a new cookie.
        all["maxAge"] = 86_400_000.into();
        for (option, value) in options.as_object().into_iter().flatten() {
            all[option] = value.clone();
        }
        let mut node = Setting::new(&KEYS, &all);
        let store = match place {
            Place::Cookie => None,
            Place::Store => Some((self.redis.to_owned(), records_of(&name))),
        };
        if let Some((url, prefix)) = &store {
            node = node.store(url, prefix);
        }
        Setup {
            node,
            rust: (form.rust)(self.layer(place, &KEYS, &name)),
            profile: self.profile,
            store,
            cases,
            name,
        }
    }

    fn layer(self, place: Place, keys: &[&str], name: &str) -> SessionLayerBuilder {
        let keys = Keys::keygrip(keys).unwrap();
        let layer = match place {
            Place::Cookie => SessionLayer::cookie(keys),
            Place::Store => {
                let store = self.store.clone().with_prefix(&records_of(name)).unwrap();
                SessionLayer::atomic(store, keys)
            }
        };
        layer.profile(self.profile)
    }
}

/// How the names of a pair's records in Redis begin.
fn records_of(pair: &str) -> String {
    format!("{pair}:")
}

impl Setup {
    /// Starts the Rust side.
    async fn serve(self, node: &Node) -> Pair {
        let gate = Gate::new();
        let layer = self.rust.build().unwrap();
        Pair {
            node: node.port(&self.name),
            rust: serve(layer, gate.clone()).await.unwrap(),
            name: self.name,
            gate: gate.into(),
            profile: self.profile,
            store: self.store,
            cases: self.cases,
        }
    }
}
