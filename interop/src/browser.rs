//! A browser: it keeps cookies and shows them to every server of this machine.

use std::collections::BTreeMap;
use std::io;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::hooks::ID_HEADER;

/// A browser with cookies. A clone goes its own way with a copy of them, as a thief would.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Browser {
    /// The cookies, by name.
    pub cookies: BTreeMap<String, String>,
    /// Headers that it sends besides, by name.
    pub headers: BTreeMap<String, String>,
}

/// What a server answered.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Page {
    /// The status.
    pub status: u16,
    /// The text.
    pub body: String,
    /// The lines that set cookies.
    pub set_cookies: Vec<String>,
    /// The id that the session's own header says, where there is one.
    pub id: Option<String>,
}

impl Browser {
    /// Asks the server at `port` for `path`, and keeps its cookies.
    ///
    /// # Errors
    ///
    /// If it cannot be asked, or what it answers is no HTTP.
    pub async fn get(&mut self, port: u16, path: &str) -> io::Result<Page> {
        let pairs: Vec<_> = self
            .cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let mut request = format!(
            "GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\ncookie: {}\r\n",
            pairs.join("; ")
        );
        for (name, value) in &self.headers {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        request.push_str("\r\n");
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
        stream.write_all(request.as_bytes()).await?;
        let mut reply = String::new();
        stream.read_to_string(&mut reply).await?;
        let page = Page::parse(&reply)
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "that is no HTTP"))?;
        for line in &page.set_cookies {
            self.keep(line);
        }
        Ok(page)
    }

    fn keep(&mut self, line: &str) {
        let (pair, attributes) = line.split_once("; ").unwrap_or((line, ""));
        let Some((name, value)) = pair.split_once('=') else {
            return;
        };
        if attributes.contains("01 Jan 1970") {
            self.cookies.remove(name);
        } else {
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
    }
}

impl Page {
    fn parse(reply: &str) -> Option<Self> {
        let (head, body) = reply.split_once("\r\n\r\n")?;
        let mut lines = head.lines();
        let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
        let headers: Vec<_> = lines.filter_map(|line| line.split_once(": ")).collect();
        let values = |wanted: &'static str| {
            let of_it = move |(name, _): &&(&str, &str)| name.eq_ignore_ascii_case(wanted);
            headers
                .iter()
                .filter(of_it)
                .map(|(_, value)| (*value).to_owned())
        };
        Some(Self {
            status,
            set_cookies: values("set-cookie").collect(),
            id: values(ID_HEADER).next(),
            body: body.to_owned(),
        })
    }
}
