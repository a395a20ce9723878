//! A browser, as far as sessions go: it keeps cookies and sends them back.

use std::collections::BTreeMap;

use axum::Router;
use axum::body::{Body, to_bytes};
use http::{HeaderMap, HeaderValue, Request, StatusCode, header};
use session_store_api::SessionKey;
use tower::ServiceExt;

/// Clones begin with the same cookies and then go their own way.
#[derive(Clone)]
pub(crate) struct Client {
    app: Router,
    pub(crate) cookies: BTreeMap<String, String>,
}

pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Client {
    pub(crate) fn new(app: &Router) -> Self {
        Self {
            app: app.clone(),
            cookies: BTreeMap::new(),
        }
    }

    /// The same browser at another application.
    pub(crate) fn at(&self, app: &Router) -> Self {
        Self {
            app: app.clone(),
            cookies: self.cookies.clone(),
        }
    }

    /// Sends a request with the cookies, and keeps those of the response.
    pub(crate) async fn get(&mut self, path: &str) -> Reply {
        let reply = self.peek(path).await;
        self.keep(&reply);
        reply
    }

    /// Sends a request with the cookies, and ignores those of the response.
    pub(crate) async fn peek(&self, path: &str) -> Reply {
        let mut request = Request::get(path);
        if !self.cookies.is_empty() {
            request = request.header(header::COOKIE, self.pairs());
        }
        send(&self.app, request.body(Body::empty()).unwrap()).await
    }

    /// The same with headers besides the cookies.
    pub(crate) async fn with(&mut self, path: &str, headers: &[(&str, &str)]) -> Reply {
        let mut request = Request::get(path).header(header::COOKIE, self.pairs());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let reply = send(&self.app, request.body(Body::empty()).unwrap()).await;
        self.keep(&reply);
        reply
    }

    fn pairs(&self) -> String {
        let pair = |(name, value): (&String, &String)| format!("{name}={value}");
        let pairs: Vec<_> = self.cookies.iter().map(pair).collect();
        pairs.join("; ")
    }

    /// Sends raw bytes as the `Cookie` header; nothing if no server would let them through.
    pub(crate) async fn raw(&self, path: &str, cookie: &[u8]) -> Option<Reply> {
        let cookie = HeaderValue::from_bytes(cookie).ok()?;
        let request = Request::get(path).header(header::COOKIE, cookie);
        Some(send(&self.app, request.body(Body::empty()).unwrap()).await)
    }

    pub(crate) fn keep(&mut self, reply: &Reply) {
        for line in reply.set_cookies() {
            let (pair, attributes) = line.split_once("; ").unwrap_or((line, ""));
            let (name, value) = pair.split_once('=').unwrap();
            if attributes.contains("01 Jan 1970") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
    }

    /// The session cookie's value.
    pub(crate) fn cookie(&self) -> &str {
        &self.cookies["EGG_SESS"]
    }

    pub(crate) fn set_cookie(&mut self, value: impl Into<String>) {
        self.cookies.insert("EGG_SESS".to_owned(), value.into());
    }

    /// The id in a signed cookie.
    pub(crate) fn id(&self) -> SessionKey {
        self.cookie().rsplit_once('.').unwrap().0.parse().unwrap()
    }
}

impl Reply {
    pub(crate) fn set_cookies(&self) -> Vec<&str> {
        let lines = self.headers.get_all(header::SET_COOKIE).iter();
        lines.map(|line| line.to_str().unwrap()).collect()
    }

    /// The line that sets the cookie called `name`.
    pub(crate) fn line(&self, name: &str) -> Option<&str> {
        let lines = self.set_cookies();
        let sets = |line: &&str| line.split('=').next() == Some(name);
        lines.into_iter().find(sets)
    }

    /// Whether the response tells the browser to forget the session cookie.
    pub(crate) fn clears(&self) -> bool {
        self.set_cookies()
            .iter()
            .any(|line| line.starts_with("EGG_SESS=;") && line.contains("01 Jan 1970"))
    }
}

pub(crate) async fn send(app: &Router, request: Request<Body>) -> Reply {
    let response = app.clone().oneshot(request).await.unwrap();
    let (head, body) = response.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap();
    Reply {
        status: head.status,
        headers: head.headers,
        body: String::from_utf8(body.to_vec()).unwrap(),
    }
}
