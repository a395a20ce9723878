//! The cookies of a request, and the lines of a response that set them.

pub(crate) mod client;
pub(crate) mod line;

use http::{HeaderMap, HeaderValue, header};

/// The `Cookie` headers of a request. There is one or none, with browsers, and then nothing is allocated.
pub(crate) struct Cookies {
    first: Option<HeaderValue>,
    others: Vec<HeaderValue>,
}

impl Cookies {
    pub(crate) fn new(headers: &HeaderMap) -> Self {
        let mut all = headers.get_all(header::COOKIE).iter().cloned();
        Self {
            first: all.next(),
            others: all.collect(),
        }
    }

    /// The values of every cookie called `name`, byte for byte: other people's cookies need not be text.
    pub(crate) fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        self.first
            .iter()
            .chain(&self.others)
            .flat_map(|header| header.as_bytes().split(|byte| *byte == b';'))
            .filter_map(move |pair| {
                let value = pair.trim_ascii().strip_prefix(name.as_bytes())?;
                value.trim_ascii_start().strip_prefix(b"=")
            })
            .map(<[u8]>::trim_ascii)
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.values(name).next().is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_found_among_others_in_any_header() {
        let mut headers = HeaderMap::new();
        let lines = [
            HeaderValue::from_static("a=1; sid=x ;sid2=no; xsid=no;sid"),
            HeaderValue::from_bytes(b"b=\xFF; sid=y=z").unwrap(),
        ];
        for line in lines {
            headers.append(header::COOKIE, line);
        }
        let cookies = Cookies::new(&headers);
        let found: Vec<_> = cookies.values("sid").collect();
        assert_eq!(found, [&b"x"[..], b"y=z"]);
        assert!(!cookies.has("none"));
    }
}
