//! tower-sessions: one app on its own Redis store and on ours, whole requests.

use std::convert::Infallible;
use std::error::Error;
use std::sync::atomic::{AtomicU64, Ordering};

use http::header::{COOKIE, HeaderValue, SET_COOKIE};
use http::{Method, Request, Response};
use session_store_for_tower_sessions::TowerSessionsStore;
use session_store_redis::RedisStore;
use test_servers::{Kind, TestServer};
use tower::{Layer, ServiceExt, service_fn};
use tower_sessions_0_14::{Session, SessionManagerLayer, SessionStore};

use crate::load::{Contestant, KEYS, Plan, Subject, VALUE, Verb};
use crate::redis;
use crate::report::{Section, Table};

pub async fn run(plan: Plan) -> Result<Vec<Section>, Box<dyn Error>> {
    let note = "Whole requests to an application on tower-sessions 0.14, in process, its sessions in one Redis: by its own store, and by ours behind \
                `session-store-for-tower-sessions`.";
    let mut table = Table::new("tower-sessions", note);
    let server = TestServer::builder(Kind::Redis).own().start().await?;
    let theirs = App::fill(redis::tower_sessions(server.url()).await?).await?;
    let ours = TowerSessionsStore::new(RedisStore::connect(server.url()).await?);
    let ours = App::fill(ours).await?;
    let contestants = [
        Contestant::new("on tower-sessions-redis-store", theirs),
        Contestant::new("on session-store-redis", ours),
    ];
    for work in [("session read", Verb::Get), ("session changed", Verb::Set)] {
        table.measure(plan, work, &[1, 64, 512], &contestants).await;
    }
    Ok(vec![table.section()])
}

/// An app, and the cookies of those who visit it.
struct App<S: SessionStore> {
    sessions: SessionManagerLayer<S>,
    cookies: Vec<HeaderValue>,
}

impl<S: SessionStore> App<S> {
    async fn fill(store: S) -> Result<Self, Box<dyn Error>> {
        let mut app = Self {
            sessions: SessionManagerLayer::new(store),
            cookies: Vec::with_capacity(KEYS),
        };
        for _ in 0..KEYS {
            let response = app.answer(Request::put("/").body(VALUE)?).await;
            let cookie = response.headers().get(SET_COOKIE);
            let cookie = cookie.ok_or("the app sets no cookie")?.to_str()?;
            let pair = cookie.split(';').next().unwrap_or_default();
            app.cookies.push(HeaderValue::from_str(pair)?);
        }
        Ok(app)
    }

    async fn visit(&self, method: Method, key: usize, len: usize) -> usize {
        let request = Request::builder().method(method);
        let request = request.header(COOKIE, &self.cookies[key]).body(len);
        let response = self.answer(request.expect("a request")).await;
        assert!(response.status().is_success());
        *response.body()
    }

    async fn answer(&self, request: Request<usize>) -> Response<usize> {
        let app = self.sessions.layer(service_fn(page));
        match app.oneshot(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        }
    }
}

/// A `GET` answers how long the session's value is; a `PUT` gives it another of that length, for one that is
/// the same is not saved.
async fn page(request: Request<usize>) -> Result<Response<usize>, Infallible> {
    let session = request.extensions().get::<Session>().expect("a session");
    let len = if request.method() == Method::PUT {
        static CHANGES: AtomicU64 = AtomicU64::new(0);
        let (change, len) = (CHANGES.fetch_add(1, Ordering::Relaxed), *request.body());
        let value = format!("{change:0>len$}");
        session.insert("value", value).await.expect("insert");
        len
    } else {
        let value = session.get::<String>("value").await.expect("get");
        value.map_or(0, |value| value.len())
    };
    Ok(Response::new(len))
}

impl<S: SessionStore> Subject for App<S> {
    async fn get(&self, key: usize) -> usize {
        self.visit(Method::GET, key, 0).await
    }

    async fn set(&self, key: usize, value: &[u8]) {
        self.visit(Method::PUT, key, value.len()).await;
    }
}
