//! URLs of servers: made, and taken apart.

use std::path::Path;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use crate::Kind;

/// What a path in a query may not hold as it is.
const NOT_IN_PATHS: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'/')
    .remove(b'-')
    .remove(b'_')
    .remove(b'.');

/// A URL in four: scheme, user with password, host with port, and the rest.
struct Parts<'a> {
    scheme: &'a str,
    user: Option<&'a str>,
    host: &'a str,
    rest: &'a str,
}

/// The part of a URL before the host: `user:password@`, or `user@` without a password.
pub(crate) fn user(name: &str, password: Option<&str>) -> String {
    match password {
        Some(password) => {
            let password = utf8_percent_encode(password, NON_ALPHANUMERIC);
            format!("{name}:{password}@")
        }
        None if name.is_empty() => String::new(),
        None => format!("{name}@"),
    }
}

/// The part of a URL after the path: `?name=value&…`, or nothing without parameters.
pub(crate) fn query(parameters: &[(&str, impl AsRef<Path>)]) -> String {
    let parameters = parameters.iter().map(|(name, value)| {
        let value = value.as_ref().to_string_lossy();
        format!("{name}={}", utf8_percent_encode(&value, NOT_IN_PATHS))
    });
    match parameters.collect::<Vec<_>>().join("&") {
        none if none.is_empty() => none,
        parameters => format!("?{parameters}"),
    }
}

/// The same URL with another `host:port`.
pub(crate) fn with_address(url: &str, address: &str) -> String {
    let Parts {
        scheme, user, rest, ..
    } = parts(url);
    match user {
        Some(user) => format!("{scheme}://{user}@{address}{rest}"),
        None => format!("{scheme}://{address}{rest}"),
    }
}

/// User and password in a URL.
pub(crate) fn credentials(url: &str) -> Option<(String, String)> {
    let (user, password) = parts(url).user?.split_once(':')?;
    let decode = |text| percent_decode_str(text).decode_utf8_lossy().into_owned();
    Some((decode(user), decode(password)))
}

/// The `host:port` to connect to, with the default port where the URL names none; of several hosts the
/// first.
pub(crate) fn address(kind: Kind, url: &str) -> String {
    let host = parts(url).host.split(',').next().unwrap_or_default();
    let port = host.rsplit_once(':').map(|(_, port)| port.parse::<u16>());
    match port {
        Some(Ok(_)) => host.to_owned(),
        _ => format!("{host}:{}", kind.default_port()),
    }
}

fn parts(url: &str) -> Parts<'_> {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let (authority, rest) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let (user, host) = match authority.rsplit_once('@') {
        Some((user, host)) => (Some(user), host),
        None => (None, authority),
    };
    Parts {
        scheme,
        user,
        host,
        rest,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_taken_apart() {
        for (url, expected) in [
            ("redis://127.0.0.1:7000/0?protocol=resp3", "127.0.0.1:7000"),
            ("rediss://user:p@ss@host", "host:6379"),
            ("redis://[::1]", "[::1]:6379"),
            ("redis://[::1]:7000/", "[::1]:7000"),
            ("redis://:secret@host:1?x=@", "host:1"),
            ("redis://one,two:2", "one:6379"),
        ] {
            assert_eq!(address(Kind::Redis, url), expected);
        }
        let url = "rediss://user:p%40ss@host/2?x=@";
        let user = ("user".to_owned(), "p@ss".to_owned());
        assert_eq!(credentials(url), Some(user));
        assert_eq!(credentials("redis://host"), None);
        let through = "rediss://user:p%40ss@127.0.0.1:1/2?x=@";
        assert_eq!(with_address(url, "127.0.0.1:1"), through);
    }

    #[test]
    fn urls_are_made() {
        assert_eq!(user("", None), "");
        assert_eq!(user("root", None), "root@");
        assert_eq!(user("", Some("p@ss")), ":p%40ss@");
        assert_eq!(query(&[] as &[(&str, &str)]), "");
        let parameters = [("mode", "full"), ("file", "/tmp/a b/c-d.pem")];
        assert_eq!(query(&parameters), "?mode=full&file=/tmp/a%20b/c-d.pem");
    }
}
