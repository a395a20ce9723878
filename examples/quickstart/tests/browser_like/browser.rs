//! A browser, as far as sessions care: it keeps cookies and follows redirects.

use std::collections::BTreeMap;

use ureq::http::{HeaderMap, Response};
use ureq::{Agent, Body, RequestBuilder};

/// A browser with cookies. A clone goes its own way with a copy of them, as a thief would.
#[derive(Clone)]
pub(crate) struct Browser {
    agent: Agent,
    origin: String,
    cookies: BTreeMap<String, String>,
}

/// A page that the server answered.
pub(crate) struct Page {
    pub(crate) status: u16,
    pub(crate) html: String,
    /// The `Set-Cookie` headers that came on the way to this page.
    pub(crate) set_cookies: Vec<String>,
    pub(crate) headers: HeaderMap,
}

impl Browser {
    /// A fresh browser that visits `origin`, such as `http://127.0.0.1:3000`.
    pub(crate) fn new(origin: &str) -> Self {
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .build()
            .new_agent();
        Self {
            agent,
            origin: origin.to_owned(),
            cookies: BTreeMap::new(),
        }
    }

    /// Goes on with the same cookies at another address of the same site.
    pub(crate) fn move_to(&mut self, origin: &str) {
        origin.clone_into(&mut self.origin);
    }

    /// Opens the page.
    pub(crate) fn open(&mut self) -> Page {
        let request = self.agent.get(format!("{}/", self.origin));
        let response = self.with_cookies(request).call().unwrap();
        self.read(response)
    }

    /// Sends a form and shows what comes of it.
    pub(crate) fn submit(&mut self, path: &str, fields: &[(&str, &str)]) -> Page {
        self.submit_from(None, path, fields)
    }

    /// The same, with a header that says which page the form stands on.
    pub(crate) fn submit_from(
        &mut self,
        source: Option<(&str, &str)>,
        path: &str,
        fields: &[(&str, &str)],
    ) -> Page {
        let mut request = self.agent.post(format!("{}{path}", self.origin));
        if let Some((name, value)) = source {
            request = request.header(name, value);
        }
        let response = self
            .with_cookies(request)
            .send_form(fields.iter().copied())
            .unwrap();
        let answer = self.read(response);
        if answer.status != 303 {
            return answer;
        }
        assert_eq!(answer.headers["location"], "/");
        let mut page = self.open();
        page.set_cookies.extend(answer.set_cookies);
        page
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

    fn read(&mut self, mut response: Response<Body>) -> Page {
        let headers = response.headers().clone();
        let set_cookies: Vec<String> = headers
            .get_all("set-cookie")
            .iter()
            .map(|header| header.to_str().unwrap().to_owned())
            .collect();
        for header in &set_cookies {
            self.keep(header);
        }
        Page {
            status: response.status().as_u16(),
            html: response.body_mut().read_to_string().unwrap(),
            set_cookies,
            headers,
        }
    }

    /// Does what a `Set-Cookie` header says.
    fn keep(&mut self, header: &str) {
        let (pair, attributes) = header.split_once(';').unwrap_or((header, ""));
        let (name, value) = pair.split_once('=').unwrap();
        let attributes = attributes.to_ascii_lowercase();
        let removed = attributes.contains("max-age=0") || attributes.contains("01 jan 1970");
        if removed {
            self.cookies.remove(name);
        } else {
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
    }
}

impl Page {
    /// The number that the page shows.
    pub(crate) fn visits(&self) -> u64 {
        let (_, rest) = self
            .html
            .split_once(r#"id="visits">"#)
            .expect("the page shows the visits");
        let (number, _) = rest.split_once('<').unwrap();
        number.parse().unwrap()
    }

    /// The ids of the notes on the page, in order.
    pub(crate) fn note_ids(&self) -> Vec<String> {
        let fields = self.html.split(r#"name="id" value=""#).skip(1);
        fields
            .map(|rest| rest.split('"').next().unwrap().to_owned())
            .collect()
    }
}
