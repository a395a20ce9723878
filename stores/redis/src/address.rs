//! What a URL says of where Redis is, and as whom one comes.

use std::path::PathBuf;

use percent_encoding::percent_decode_str;
use session_store_api::{Result, StoreUrl};

use crate::error::config;

const SERVER_PORT: u16 = 6379;
const SENTINEL_PORT: u16 = 26379;

/// A host and a port.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Address {
    pub(crate) host: String,
    pub(crate) port: u16,
}

/// What a URL says, but for its settings.
pub(crate) struct Target {
    pub(crate) place: Place,
    pub(crate) tls: bool,
    pub(crate) user: Option<String>,
    pub(crate) password: Option<String>,
    pub(crate) database: i64,
}

/// Where Redis is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Server(Address),
    Socket(PathBuf),
    /// Sentinels, which know the primary of a service.
    Sentinel(Vec<Address>, String),
    /// Some nodes of a cluster.
    Cluster(Vec<Address>),
}

impl Address {
    /// Takes `host`, `host:port` or `[address]:port` apart.
    pub(crate) fn parse(text: &str, default_port: u16) -> Option<Self> {
        let (host, port) = match text.strip_prefix('[') {
            Some(rest) => rest.split_once(']')?,
            None => text.split_at(text.find(':').unwrap_or(text.len())),
        };
        let port = match port.strip_prefix(':') {
            Some(port) => port.parse().ok().filter(|port| *port != 0)?,
            None if port.is_empty() => default_port,
            None => return None,
        };
        (!host.is_empty()).then(|| Self {
            host: host.to_owned(),
            port,
        })
    }
}

impl Target {
    /// Reads the scheme and the place of a URL, and the parameters that belong to them.
    pub(crate) fn take(text: &str, url: &mut StoreUrl) -> Result<Self> {
        url.place()?; // every % is followed by two digits, and all is UTF-8
        let (scheme, rest) = text.split_once(':').unwrap_or_default();
        let place = rest.split('?').next().unwrap_or_default();
        let place = place.strip_prefix("//").unwrap_or(place);
        match scheme.to_ascii_lowercase().as_str() {
            "redis+unix" => Self::socket(place, url),
            "redis" => Self::server(place, false),
            "rediss" => Self::server(place, true),
            "redis-sentinel" => Self::sentinel(place, false),
            "redis-sentinels" => Self::sentinel(place, true),
            "redis-cluster" => Self::cluster(place, false),
            "redis-clusters" => Self::cluster(place, true),
            _ => Err(config(format!("the URL begins with none of {SCHEMES}"))),
        }
    }

    /// `redis+unix:///run/redis.sock?user=…&password=…&db=…`
    fn socket(place: &str, url: &mut StoreUrl) -> Result<Self> {
        let path = decoded(place);
        if path.is_empty() {
            return Err(config(
                "the URL names no socket; write `redis+unix:///run/redis.sock`",
            ));
        }
        Ok(Self {
            place: Place::Socket(path.into()),
            tls: false,
            user: url.text("user").filter(|user| !user.is_empty()),
            password: url.text("password"),
            database: database(&url.text("db").unwrap_or_default(), "`db`")?,
        })
    }

    /// `user:password@host:port/database`
    fn server(place: &str, tls: bool) -> Result<Self> {
        let (target, hosts, path) = Self::with_user(place, tls);
        let mut hosts = addresses(hosts, SERVER_PORT)?;
        let (Some(host), true) = (hosts.pop(), hosts.is_empty()) else {
            return Err(config(
                "the URL names several hosts; that is for `redis-sentinel:` and `redis-cluster:`",
            ));
        };
        Ok(Self {
            place: Place::Server(host),
            database: database(path, DATABASE)?,
            ..target
        })
    }

    /// `user:password@sentinel:port,sentinel:port/service/database`
    fn sentinel(place: &str, tls: bool) -> Result<Self> {
        let (target, hosts, path) = Self::with_user(place, tls);
        let (service, path) = path.split_once('/').unwrap_or((path, ""));
        if service.is_empty() {
            return Err(config(
                "the URL names no service; write `redis-sentinel://host,host/mymaster`",
            ));
        }
        Ok(Self {
            place: Place::Sentinel(addresses(hosts, SENTINEL_PORT)?, decoded(service)),
            database: database(path, DATABASE)?,
            ..target
        })
    }

    /// `user:password@node:port,node:port`
    fn cluster(place: &str, tls: bool) -> Result<Self> {
        let (target, hosts, path) = Self::with_user(place, tls);
        if !path.is_empty() {
            return Err(config(
                "a cluster has no databases; the URL ends with its hosts",
            ));
        }
        Ok(Self {
            place: Place::Cluster(addresses(hosts, SERVER_PORT)?),
            ..target
        })
    }

    /// Everything before the `@`; and what is between it and the first `/`, and what is behind that.
    fn with_user(place: &str, tls: bool) -> (Self, &str, &str) {
        let (user, place) = place.rsplit_once('@').unwrap_or(("", place));
        let (hosts, path) = place.split_once('/').unwrap_or((place, ""));
        let (user, password) = user.split_once(':').unwrap_or((user, ""));
        let given = |text: &str| Some(decoded(text)).filter(|text| !text.is_empty());
        let target = Self {
            place: Place::Cluster(Vec::new()),
            tls,
            user: given(user),
            password: given(password),
            database: 0,
        };
        (target, hosts, path)
    }
}

/// What a URL of this store may begin with.
const SCHEMES: &str = "`redis:`, `rediss:`, `redis+unix:`, `redis-sentinel:`, `redis-sentinels:`, \
                       `redis-cluster:`, `redis-clusters:`";

/// Where most URLs name their database.
const DATABASE: &str = "the path of the URL";

fn addresses(hosts: &str, default_port: u16) -> Result<Vec<Address>> {
    if hosts.is_empty() {
        return Err(config("the URL names no host; write `redis://127.0.0.1`"));
    }
    let parse = |host: &str| {
        Address::parse(&decoded(host), default_port).ok_or_else(|| {
            config("a host in the URL is not of the form `host`, `host:port` or `[address]:port`")
        })
    };
    hosts.split(',').map(parse).collect()
}

fn database(text: &str, place: &str) -> Result<i64> {
    if text.is_empty() {
        return Ok(0);
    }
    let number: Option<u16> = text.parse().ok();
    let number =
        number.ok_or_else(|| config(format!("{place} is not the number of a database")))?;
    Ok(number.into())
}

/// The text that a part of a URL stands for. That it is UTF-8 has been checked.
fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use session_store_api::ErrorKind;

    use super::*;

    fn target(text: &str) -> Result<Target> {
        let mut url = StoreUrl::parse("redis", text)?;
        let target = Target::take(text, &mut url)?;
        url.finish()?;
        Ok(target)
    }

    fn at(host: &str, port: u16) -> Address {
        Address {
            host: host.to_owned(),
            port,
        }
    }

    #[test]
    fn each_form_is_read() {
        let sentinels = vec![at("a", 26379), at("::1", 7)];
        for (text, place, tls, database) in [
            ("redis://cache", Place::Server(at("cache", 6379)), false, 0),
            ("Redis://cache:1/", Place::Server(at("cache", 1)), false, 0),
            ("rediss://[::1]/3", Place::Server(at("::1", 6379)), true, 3),
            (
                "redis+unix:///a%20b",
                Place::Socket("/a b".into()),
                false,
                0,
            ),
            ("redis+unix:a?db=2", Place::Socket("a".into()), false, 2),
            (
                "redis-sentinel://a,[::1]:7/main/4",
                Place::Sentinel(sentinels, "main".to_owned()),
                false,
                4,
            ),
            (
                "redis-clusters://a:1,b:2",
                Place::Cluster(vec![at("a", 1), at("b", 2)]),
                true,
                0,
            ),
        ] {
            let target = target(text).unwrap();
            assert_eq!((target.place, target.tls), (place, tls), "{text}");
            assert_eq!(target.database, database, "{text}");
            assert_eq!((target.user, target.password), (None, None), "{text}");
        }
    }

    #[test]
    fn users_and_passwords_may_hold_anything() {
        for (text, user, password) in [
            ("redis://:p%40%3A%2F%C3%B6@h/1", None, Some("p@:/ö")),
            ("redis://u%3A:@h", Some("u:"), None),
            ("redis-cluster://u:p:q@h,i", Some("u"), Some("p:q")),
            (
                "redis+unix:///s?user=u&password=p%26",
                Some("u"),
                Some("p&"),
            ),
        ] {
            let target = target(text).unwrap();
            assert_eq!(target.user.as_deref(), user, "{text}");
            assert_eq!(target.password.as_deref(), password, "{text}");
        }
    }

    #[test]
    fn what_cannot_be_is_refused_and_no_password_shown() {
        for text in [
            "redis:",
            "redis://",
            "redis://:hunter2@",
            "redis://:hunter2@h:port",
            "redis://:hunter2@h:0",
            "redis://:hunter2@h:65536",
            "redis://:hunter2@::1",
            "redis://:hunter2@[::1",
            "redis://:hunter2@[::1]x",
            "redis://:hunter2@h,i",
            "redis://:hunter2@h/one",
            "redis://:hunter2@h/-1",
            "redis://:hunter2@h/1/2",
            "redis+unix:",
            "redis+unix:///s?db=x&password=hunter2",
            "redis-sentinel://:hunter2@h",
            "redis-sentinel://:hunter2@h/",
            "redis-cluster://:hunter2@h/1",
            "redis-cluster://:hunter2@h,,i",
            "redis://h?password=hunter2",
            "redis://h/%zz",
            "valkey://:hunter2@h",
        ] {
            let error = target(text).err().expect(text);
            assert_eq!(error.kind(), ErrorKind::Config, "{text}");
            let shown = format!("{error} {error:?}");
            assert!(!shown.contains("hunter2"), "{shown}");
        }
    }
}
