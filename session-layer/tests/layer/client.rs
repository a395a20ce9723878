//! A browser, as far as sessions go: it keeps cookies and sends them back.

use std::collections::BTreeMap;

use axum::Router;
use axum::body::{Body, to_bytes};
use cookie::Cookie;
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
        let pairs: Vec<_> = self
            .cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let mut request = Request::get(path);
        if !pairs.is_empty() {
            request = request.header(header::COOKIE, pairs.join("; "));
        }
        send(&self.app, request.body(Body::empty()).unwrap()).await
    }

    /// Sends raw bytes as the `Cookie` header; nothing if no server would let them through.
    pub(crate) async fn raw(&self, path: &str, cookie: &[u8]) -> Option<Reply> {
        let cookie = HeaderValue::from_bytes(cookie).ok()?;
        let request = Request::get(path).header(header::COOKIE, cookie);
        Some(send(&self.app, request.body(Body::empty()).unwrap()).await)
    }

    pub(crate) fn keep(&mut self, reply: &Reply) {
        for line in reply.set_cookies() {
            let cookie = Cookie::parse(line.to_owned()).unwrap();
            let (name, value) = (cookie.name().to_owned(), cookie.value().to_owned());
            if cookie
                .max_age()
                .is_some_and(cookie::time::Duration::is_zero)
            {
                self.cookies.remove(&name);
            } else {
                self.cookies.insert(name, value);
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

    /// Whether the response tells the browser to forget the session cookie.
    pub(crate) fn clears(&self) -> bool {
        self.set_cookies()
            .iter()
            .any(|line| line.starts_with("EGG_SESS=;") && line.contains("Max-Age=0;"))
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
