//! A browser, as far as sessions care: it keeps cookies.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use ureq::http::Response;
use ureq::{Agent, Body, RequestBuilder};

/// A browser with cookies. A clone goes its own way with a copy of them, as a thief would.
#[derive(Clone)]
pub(crate) struct Browser {
    agent: Agent,
    address: SocketAddr,
    cookies: BTreeMap<String, String>,
}

impl Browser {
    pub(crate) fn new(address: SocketAddr) -> Self {
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_global(Some(Duration::from_secs(60)))
            .build()
            .new_agent();
        Self {
            agent,
            address,
            cookies: BTreeMap::new(),
        }
    }

    /// The value of this name: nothing if the session has none. Any status but 200 and 404 is an error.
    pub(crate) fn get(&mut self, name: &str) -> Result<Option<String>, u16> {
        let request = self.agent.get(self.url("values", name));
        let (status, text) = self.read(self.with_cookies(request).call());
        match status {
            200 => Ok(Some(text)),
            404 => Ok(None),
            status => Err(status),
        }
    }

    /// Keeps a value under this name; answers the status.
    pub(crate) fn put(&mut self, name: &str, value: &str) -> u16 {
        let request = self.agent.put(self.url("values", name));
        self.read(self.with_cookies(request).send(value)).0
    }

    /// The same, waiting at the gate after the session was read.
    pub(crate) fn put_slowly(&mut self, name: &str, value: &str) -> u16 {
        let request = self.agent.put(self.url("slowly", name));
        self.read(self.with_cookies(request).send(value)).0
    }

    pub(crate) fn login(&mut self) -> u16 {
        self.post("login")
    }

    pub(crate) fn logout(&mut self) -> u16 {
        self.post("logout")
    }

    pub(crate) fn cookies(&self) -> &BTreeMap<String, String> {
        &self.cookies
    }

    /// The same browser at another server of the site, with a copy of its cookies.
    pub(crate) fn at(&self, address: SocketAddr) -> Self {
        Self {
            address,
            ..self.clone()
        }
    }

    /// Puts the same into each cookie.
    pub(crate) fn spoil(&mut self, cookie: &str) {
        for value in self.cookies.values_mut() {
            cookie.clone_into(value);
        }
    }

    /// Changes a letter in the middle of each cookie, where an id is.
    pub(crate) fn forge(&mut self) {
        for value in self.cookies.values_mut() {
            let middle = value.len() / 2;
            let other = if value.as_bytes()[middle] == b'A' {
                "B"
            } else {
                "A"
            };
            value.replace_range(middle..=middle, other);
        }
    }

    fn post(&mut self, path: &str) -> u16 {
        let request = self.agent.post(format!("http://{}/{path}", self.address));
        self.read(self.with_cookies(request).send_empty()).0
    }

    fn url(&self, path: &str, name: &str) -> String {
        format!("http://{}/{path}/{name}", self.address)
    }

    fn with_cookies<B>(&self, request: RequestBuilder<B>) -> RequestBuilder<B> {
        if self.cookies.is_empty() {
            return request;
        }
        let pairs: Vec<_> = self
            .cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        request.header("cookie", pairs.join("; "))
    }

    /// Status and text of an answer, after doing what its cookies say.
    fn read(&mut self, response: Result<Response<Body>, ureq::Error>) -> (u16, String) {
        let mut response = response.expect("the app answers");
        for header in response.headers().get_all("set-cookie") {
            let header = header.to_str().expect("a cookie is text");
            let (pair, attributes) = header.split_once(';').unwrap_or((header, ""));
            let (name, value) = pair
                .split_once('=')
                .expect("a cookie has a name and a value");
            let attributes = attributes.to_ascii_lowercase();
            if attributes.contains("max-age=0") || attributes.contains("01 jan 1970") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        let status = response.status().as_u16();
        let text = response
            .body_mut()
            .with_config()
            .limit(16 << 20)
            .read_to_string()
            .expect("the app answers text");
        (status, text)
    }
}
