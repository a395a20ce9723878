//! Reading `Cookie`, writing `Set-Cookie`.

use std::time::Duration;

use ::cookie::time::{Duration as CookieDuration, OffsetDateTime};
use ::cookie::{Cookie, SameSite as CookieSameSite};
use http::{HeaderMap, HeaderValue, header};
use session_store_api::MaxAge;

use crate::config::CookieOptions;
use crate::{Error, ErrorKind, Result, SameSite, Secure};

/// The values of every cookie called `name`. The `cookie` crate reads text alone, and other people's
/// cookies need not be text.
pub(crate) fn values<'a>(
    headers: &'a [HeaderValue],
    name: &'a str,
) -> impl Iterator<Item = &'a [u8]> {
    headers
        .iter()
        .flat_map(|header| header.as_bytes().split(|byte| *byte == b';'))
        .filter_map(move |pair| {
            let value = pair.trim_ascii().strip_prefix(name.as_bytes())?;
            value.trim_ascii_start().strip_prefix(b"=")
        })
        .map(<[u8]>::trim_ascii)
}

/// The line that makes the browser keep `value` for `max_age`.
pub(crate) fn set(
    options: &CookieOptions,
    value: String,
    max_age: MaxAge,
    https: bool,
) -> Result<HeaderValue> {
    let mut cookie = cookie(options, value, https);
    if let MaxAge::After(life) = max_age {
        cookie.set_max_age(whole_seconds(life));
    }
    line(&cookie)
}

/// The line that makes the browser forget the cookie.
pub(crate) fn clear(options: &CookieOptions, https: bool) -> Result<HeaderValue> {
    let mut cookie = cookie(options, String::new(), https);
    cookie.set_max_age(CookieDuration::ZERO);
    cookie.set_expires(OffsetDateTime::UNIX_EPOCH);
    line(&cookie)
}

/// Adds `line` in place of those that set the cookie called `name`; all others stay.
pub(crate) fn replace(headers: &mut HeaderMap, name: &str, line: HeaderValue) {
    let sets_it = |line: &HeaderValue| {
        let rest = line
            .as_bytes()
            .trim_ascii_start()
            .strip_prefix(name.as_bytes());
        rest.is_some_and(|rest| rest.trim_ascii_start().starts_with(b"="))
    };
    if headers.get_all(header::SET_COOKIE).iter().any(sets_it) {
        let others: Vec<HeaderValue> = headers
            .get_all(header::SET_COOKIE)
            .iter()
            .filter(|line| !sets_it(line))
            .cloned()
            .collect();
        headers.remove(header::SET_COOKIE);
        for other in others {
            headers.append(header::SET_COOKIE, other);
        }
    }
    headers.append(header::SET_COOKIE, line);
}

fn cookie(options: &CookieOptions, value: String, https: bool) -> Cookie<'_> {
    let mut cookie = Cookie::new(options.name.as_str(), value);
    cookie.set_path(options.path.as_str());
    if let Some(domain) = &options.domain {
        cookie.set_domain(domain.as_str());
    }
    if options.http_only {
        cookie.set_http_only(true);
    }
    match options.secure {
        Secure::Auto => cookie.set_secure(https),
        Secure::Always => cookie.set_secure(true),
        Secure::Never => {}
    }
    cookie.set_same_site(options.same_site.map(|same_site| match same_site {
        SameSite::Strict => CookieSameSite::Strict,
        SameSite::Lax => CookieSameSite::Lax,
        SameSite::None => CookieSameSite::None,
    }));
    cookie
}

fn line(cookie: &Cookie<'_>) -> Result<HeaderValue> {
    HeaderValue::try_from(cookie.to_string())
        .map_err(|e| Error::new(ErrorKind::Value, "the cookie is no header").with_source(e))
}

/// Browsers count seconds, so the cookie lives up to one longer rather than shorter.
fn whole_seconds(life: Duration) -> CookieDuration {
    let seconds = life.as_nanos().div_ceil(1_000_000_000);
    CookieDuration::seconds(i64::try_from(seconds).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_found_among_others_in_any_header() {
        let headers = [
            HeaderValue::from_static("a=1; sid=x ;sid2=no; xsid=no;sid"),
            HeaderValue::from_bytes(b"b=\xFF; sid=y=z").unwrap(),
        ];
        let found: Vec<_> = values(&headers, "sid").collect();
        assert_eq!(found, [&b"x"[..], b"y=z"]);
        assert_eq!(values(&headers, "none").count(), 0);
    }

    #[test]
    fn only_lines_of_the_same_cookie_are_replaced() {
        let mut headers = HeaderMap::new();
        for line in ["sid=old; Path=/", "sid2=a", "sid=older", "b=sid=c"] {
            headers.append(header::SET_COOKIE, HeaderValue::from_static(line));
        }
        replace(&mut headers, "sid", HeaderValue::from_static("sid=new"));
        let lines: Vec<_> = headers.get_all(header::SET_COOKIE).iter().collect();
        assert_eq!(lines, ["sid2=a", "b=sid=c", "sid=new"]);
    }

    #[test]
    fn a_cookie_lives_for_whole_seconds_rounded_up() {
        assert_eq!(whole_seconds(Duration::ZERO).whole_seconds(), 0);
        assert_eq!(whole_seconds(Duration::from_nanos(1)).whole_seconds(), 1);
        assert_eq!(whole_seconds(Duration::from_secs(2)).whole_seconds(), 2);
        assert!(whole_seconds(Duration::MAX).whole_seconds() > 1 << 60);
    }
}
