//! An application without a network before it.

use axum::Router;
use axum::body::{Body, to_bytes};
use http::header::{COOKIE, HeaderValue, SET_COOKIE};
use http::{Request, Response};
use tower::ServiceExt;

use crate::load::{KEYS, Subject, VALUE};
use crate::session_layer::pages::{self, AROUND, IDLE};

/// An application, and the cookies of those who visit it.
pub struct InProcess {
    app: Router,
    cookies: Vec<HeaderValue>,
}

impl InProcess {
    pub async fn new(app: Router) -> Self {
        let mut cookies = Vec::with_capacity(KEYS);
        for _ in 0..KEYS {
            let response = answer(&app, &pages::insert(VALUE), None).await;
            let cookie = response.headers().get(SET_COOKIE).expect("a cookie");
            let cookie = cookie.to_str().expect("text").split(';').next();
            let cookie = cookie.and_then(|cookie| cookie.parse().ok());
            cookies.push(cookie.expect("a pair"));
        }
        Self { app, cookies }
    }

    /// The same visitors of another application.
    pub fn with_app(&self, app: Router) -> Self {
        let cookies = self.cookies.clone();
        Self { app, cookies }
    }
}

impl Subject for InProcess {
    /// A request that brings a session and does not use it.
    async fn get(&self, key: usize) -> usize {
        let response = answer(&self.app, IDLE, Some(&self.cookies[key])).await;
        let body = to_bytes(response.into_body(), usize::MAX).await;
        body.expect("a body").len() - AROUND
    }

    async fn set(&self, key: usize, value: &[u8]) {
        let page = pages::insert(value.len());
        answer(&self.app, &page, Some(&self.cookies[key])).await;
    }
}

async fn answer(app: &Router, page: &str, cookie: Option<&HeaderValue>) -> Response<Body> {
    let mut request = Request::get(page);
    if let Some(cookie) = cookie {
        request = request.header(COOKIE, cookie);
    }
    let request = request.body(Body::empty()).expect("a request");
    let response = match app.clone().oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    };
    assert!(response.status().is_success(), "{}", response.status());
    response
}
