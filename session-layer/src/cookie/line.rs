//! `Set-Cookie`: the lines that make a browser keep or forget the session's cookies.

use std::fmt::Write;
use std::time::{Duration, SystemTime};

use http::{HeaderMap, HeaderValue, header};
use httpdate::fmt_http_date;
use session_store_api::MaxAge;

use super::Cookies;
use super::client::Client;
use crate::profile::{Closed, Codec};
use crate::{Error, ErrorKind, Priority, Profile, Result, SameSite, Secure};

/// The last second that a date in a header can tell: the end of the year 9999.
const LAST_SECOND: u64 = 253_402_300_799;

/// The attributes of the cookie.
#[derive(Clone, Debug)]
pub(crate) struct Attributes {
    pub(crate) http_only: bool,
    pub(crate) secure: Secure,
    pub(crate) same_site: Option<SameSite>,
    pub(crate) path: String,
    pub(crate) domain: Option<String>,
    pub(crate) priority: Option<Priority>,
    pub(crate) partitioned: bool,
    pub(crate) remove_unpartitioned: bool,
    /// The form decides how the attributes are spelt and which of them tells the end.
    pub(crate) profile: Profile,
}

/// How long the browser is to keep a cookie.
#[derive(Clone, Copy)]
pub(crate) enum Life {
    For(MaxAge),
    Ended,
}

/// One `Set-Cookie` and whose it is.
pub(crate) struct Line {
    name: String,
    value: HeaderValue,
}

impl Attributes {
    /// The lines for the cookie of `codec` and the one beside it.
    pub(crate) fn lines(
        &self,
        codec: &Codec,
        closed: &Closed,
        life: Life,
        client: &Client,
    ) -> Result<Vec<Line>> {
        let partitioned = self.partitioned && self.may_partition(client);
        let mut lines = Vec::new();
        if partitioned && self.remove_unpartitioned {
            lines.push(self.line(codec.name(), "", Life::Ended, client, false)?);
            if closed.signature.is_some() {
                lines.push(self.line(codec.signature_name(), "", Life::Ended, client, false)?);
            }
        }
        lines.push(self.line(codec.name(), &closed.value, life, client, partitioned)?);
        if let Some(signature) = &closed.signature {
            lines.push(self.line(codec.signature_name(), signature, life, client, partitioned)?);
        }
        Ok(lines)
    }

    /// The lines for the twin of `codec`'s cookie that is partitioned; none for a client that has no use for it.
    pub(crate) fn twin_lines(
        &self,
        twin: &Codec,
        closed: &Closed,
        life: Life,
        client: &Client,
    ) -> Result<Vec<Line>> {
        if !self.may_partition(client) {
            return Ok(Vec::new());
        }
        let mut lines = vec![self.line(twin.name(), &closed.value, life, client, true)?];
        if let Some(signature) = &closed.signature {
            lines.push(self.line(twin.signature_name(), signature, life, client, true)?);
        }
        Ok(lines)
    }

    /// The line that makes the browser forget the cookie called `name`.
    pub(crate) fn ended(&self, name: &str, client: &Client) -> Result<Line> {
        self.line(name, "", Life::Ended, client, false)
    }

    fn is_secure(&self, client: &Client) -> bool {
        match self.secure {
            Secure::Auto => client.https,
            Secure::Always => true,
            Secure::Never => false,
        }
    }

    /// Browsers drop a cookie with `SameSite=None` and without `Secure`. Old ones that misread it are known to
    /// egg alone.
    fn same_site(&self, client: &Client) -> Option<SameSite> {
        let fits = || {
            self.is_secure(client)
                && (self.profile != Profile::Egg || client.knows_same_site_none())
        };
        self.same_site
            .filter(|same_site| *same_site != SameSite::None || fits())
    }

    /// A cookie is partitioned only where another site may be around us.
    fn may_partition(&self, client: &Client) -> bool {
        self.same_site(client) == Some(SameSite::None)
            && (self.profile != Profile::Egg || client.knows_partitioned())
    }

    fn line(
        &self,
        name: &str,
        value: &str,
        life: Life,
        client: &Client,
        partitioned: bool,
    ) -> Result<Line> {
        let mut line = Writer::new(name, value, self.profile.is_shared());
        line.pair("Path", &self.path);
        match life {
            Life::For(MaxAge::Session) => {}
            Life::For(MaxAge::After(life)) => self.write_life(&mut line, life),
            Life::Ended => {
                if self.profile == Profile::Sealed {
                    line.pair("Max-Age", "0");
                }
                line.pair("Expires", &fmt_http_date(SystemTime::UNIX_EPOCH));
            }
        }
        if let Some(domain) = &self.domain {
            line.pair("Domain", domain);
        }
        if let Some(priority) = self.priority {
            line.name_pair("Priority", priority.name());
        }
        if let Some(same_site) = self.same_site(client) {
            line.name_pair("SameSite", same_site.name());
        }
        if self.is_secure(client) {
            line.flag("Secure");
        }
        if self.http_only {
            line.flag("HttpOnly");
        }
        if partitioned {
            line.flag("Partitioned");
        }
        let value = HeaderValue::try_from(line.text)
            .map_err(|e| Error::new(ErrorKind::Value, "the cookie is no header").with_source(e))?;
        Ok(Line {
            name: name.to_owned(),
            value,
        })
    }

    fn write_life(&self, line: &mut Writer, life: Duration) {
        let seconds = whole_seconds(life);
        if self.profile != Profile::Koa {
            line.pair("Max-Age", &seconds.to_string());
        }
        if self.profile.is_shared() {
            let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
            let end = whole_seconds(now.unwrap_or_default().saturating_add(life)).min(LAST_SECOND);
            line.pair(
                "Expires",
                &fmt_http_date(SystemTime::UNIX_EPOCH + Duration::from_secs(end)),
            );
        }
    }
}

impl Line {
    /// Whether it is about the cookie called `name`.
    pub(crate) fn sets(&self, name: &str) -> bool {
        self.name == name
    }

    /// Whether it is about a cookie that came.
    pub(crate) fn is_of(&self, cookies: &Cookies) -> bool {
        cookies.has(&self.name)
    }
}

/// Adds `lines`; with `overwrite`, in place of those in `headers` that set the same cookies.
pub(crate) fn add(headers: &mut HeaderMap, lines: Vec<Line>, overwrite: bool) {
    let ours = |header: &HeaderValue| {
        let name = header.as_bytes().split(|byte| *byte == b'=').next();
        let name = name.unwrap_or_default().trim_ascii();
        lines.iter().any(|line| line.name.as_bytes() == name)
    };
    if overwrite && headers.get_all(header::SET_COOKIE).iter().any(ours) {
        let all = headers.get_all(header::SET_COOKIE).iter();
        let others: Vec<HeaderValue> = all.filter(|header| !ours(header)).cloned().collect();
        headers.remove(header::SET_COOKIE);
        for other in others {
            headers.append(header::SET_COOKIE, other);
        }
    }
    for line in lines {
        headers.append(header::SET_COOKIE, line.value);
    }
}

/// A line in the making. koa and egg spell in lower case.
struct Writer {
    text: String,
    lower: bool,
}

impl Writer {
    fn new(name: &str, value: &str, lower: bool) -> Self {
        Self {
            text: format!("{name}={value}"),
            lower,
        }
    }

    fn flag(&mut self, name: &str) {
        self.text.push_str("; ");
        self.spell(name);
    }

    fn pair(&mut self, name: &str, value: &str) {
        self.flag(name);
        let _ = write!(self.text, "={value}"); // a String takes anything
    }

    /// A pair whose value is a name too.
    fn name_pair(&mut self, name: &str, value: &str) {
        self.flag(name);
        self.text.push('=');
        self.spell(value);
    }

    fn spell(&mut self, name: &str) {
        if self.lower {
            self.text.push_str(&name.to_ascii_lowercase());
        } else {
            self.text.push_str(name);
        }
    }
}

/// Browsers count seconds, so the cookie lives up to one longer rather than shorter.
fn whole_seconds(life: Duration) -> u64 {
    u64::try_from(life.as_nanos().div_ceil(1_000_000_000)).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_lines_of_the_same_cookie_are_replaced() {
        let mut headers = HeaderMap::new();
        for line in ["sid=old; Path=/", "sid2=a", "sid=older", "b=sid=c"] {
            headers.append(header::SET_COOKIE, HeaderValue::from_static(line));
        }
        let line = || Line {
            name: "sid".to_owned(),
            value: HeaderValue::from_static("sid=new"),
        };
        add(&mut headers, vec![line()], true);
        let lines: Vec<_> = headers.get_all(header::SET_COOKIE).iter().collect();
        assert_eq!(lines, ["sid2=a", "b=sid=c", "sid=new"]);
        add(&mut headers, vec![line()], false);
        assert_eq!(headers.get_all(header::SET_COOKIE).iter().count(), 4);
    }

    #[test]
    fn a_cookie_lives_for_whole_seconds_rounded_up() {
        assert_eq!(whole_seconds(Duration::ZERO), 0);
        assert_eq!(whole_seconds(Duration::from_nanos(1)), 1);
        assert_eq!(whole_seconds(Duration::from_secs(2)), 2);
        assert_eq!(whole_seconds(Duration::MAX), u64::MAX);
    }
}
