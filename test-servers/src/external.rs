//! A server that the environment names.

use std::env;

use crate::Kind;

/// The URL of a running server, if the environment names one for this kind.
pub(crate) fn url(kind: Kind) -> Option<String> {
    env::var(kind.url_variable())
        .ok()
        .filter(|url| !url.is_empty())
}

/// A URL in four: scheme, user with password, host with port, and the rest.
struct Parts<'a> {
    scheme: &'a str,
    user: Option<&'a str>,
    host: &'a str,
    rest: &'a str,
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

/// User and password in a URL, as they stand there.
pub(crate) fn credentials(url: &str) -> Option<(&str, &str)> {
    parts(url).user?.split_once(':')
}

/// The `host:port` to connect to, with the default port where the URL names none.
pub(crate) fn address(kind: Kind, url: &str) -> String {
    let host = parts(url).host;
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
        ] {
            assert_eq!(address(Kind::Redis, url), expected);
        }
        let url = "rediss://user:p%40ss@host/2?x=@";
        assert_eq!(credentials(url), Some(("user", "p%40ss")));
        assert_eq!(credentials("redis://host"), None);
        let through = "rediss://user:p%40ss@127.0.0.1:1/2?x=@";
        assert_eq!(with_address(url, "127.0.0.1:1"), through);
    }
}
