//! The URLs that stores are opened by.

use std::time::Duration;

use crate::{Error, ErrorKind, Result};

/// A store's URL taken apart, for a store's `connect`: `scheme:place?name=value&name=value`.
///
/// Each parameter is taken by name; [`finish`](Self::finish) then refuses what is left over, so that a
/// misspelt parameter is an error and not a surprise. No error shows a value: it may be a password.
///
/// ```
/// use std::time::Duration;
/// use session_store_api::{ErrorKind, StoreUrl};
///
/// let mut url = StoreUrl::parse("sqlite", "sqlite:my%20app.db?session_max_age=30m&limit=64KiB")?;
/// assert_eq!(url.place()?, "my app.db");
/// assert_eq!(url.duration("session_max_age")?, Some(Duration::from_secs(1800)));
/// assert_eq!(url.bytes("limit")?, Some(65_536));
/// assert_eq!(url.text("table"), None);
/// url.finish()?;
///
/// let url = StoreUrl::parse("sqlite", "sqlite:a.db?tabel=x")?;
/// assert_eq!(url.finish().unwrap_err().kind(), ErrorKind::Config);
/// # Ok::<(), session_store_api::Error>(())
/// ```
#[derive(Clone)]
pub struct StoreUrl {
    store: &'static str,
    place: String,
    parameters: Vec<(String, String)>,
    known: Vec<&'static str>,
}

impl StoreUrl {
    /// Takes the URL of the store named `store` apart.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] if there is no scheme, a parameter stands there twice, or a `%` is not
    /// followed by two hexadecimal digits.
    pub fn parse(store: &'static str, url: &str) -> Result<Self> {
        let Some((_, rest)) = url.split_once(':') else {
            return Err(wrong(store, "the URL has no scheme".to_owned()));
        };
        let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
        let mut parameters: Vec<(String, String)> = Vec::new();
        for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            let (name, value) = (decode(store, name)?, decode(store, value)?);
            if parameters.iter().any(|(other, _)| *other == name) {
                return Err(wrong(
                    store,
                    format!("the parameter `{name}` is given twice"),
                ));
            }
            parameters.push((name, value));
        }
        Ok(Self {
            store,
            place: place.to_owned(),
            parameters,
            known: Vec::new(),
        })
    }

    /// What stands between the scheme and the parameters, as it was meant: a path, or a host.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] if a `%` is not followed by two hexadecimal digits.
    pub fn place(&self) -> Result<String> {
        decode(self.store, &self.place)
    }

    /// Takes a parameter that is any text.
    pub fn text(&mut self, name: &'static str) -> Option<String> {
        self.known.push(name);
        let at = self
            .parameters
            .iter()
            .position(|(given, _)| given == name)?;
        Some(self.parameters.swap_remove(at).1)
    }

    /// Takes a parameter that is a duration: a whole number and `ms`, `s`, `m`, `h` or `d`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] if it is anything else.
    pub fn duration(&mut self, name: &'static str) -> Result<Option<Duration>> {
        let units = [
            ("ms", 1),
            ("s", 1_000),
            ("m", 60_000),
            ("h", 3_600_000),
            ("d", 86_400_000),
        ];
        let millis = self.quantity(
            name,
            &units,
            "a duration such as 500ms, 30s, 15m, 24h or 7d",
        )?;
        Ok(millis.map(Duration::from_millis))
    }

    /// Takes a parameter that is a size in bytes: a whole number, alone or with `kB`, `MB`, `GB` (powers
    /// of 1000) or `KiB`, `MiB`, `GiB` (powers of 1024).
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] if it is anything else.
    pub fn bytes(&mut self, name: &'static str) -> Result<Option<u64>> {
        let binary = [("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30)];
        let decimal = [
            ("kB", 1_000),
            ("MB", 1_000_000),
            ("GB", 1_000_000_000),
            ("", 1),
        ];
        let units = [&binary[..], &decimal[..]].concat();
        self.quantity(
            name,
            &units,
            "a size in bytes such as 1048576, 64MiB or 1GB",
        )
    }

    /// Refuses the parameters that nobody took.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] that names the first of them, and those that there are.
    pub fn finish(self) -> Result<()> {
        let Some((name, _)) = self.parameters.first() else {
            return Ok(());
        };
        let known = self.known.join(", ");
        Err(wrong(
            self.store,
            format!("there is no parameter `{name}`; there are {known}"),
        ))
    }

    /// A whole number and one of `units`, in the smallest of them.
    fn quantity(
        &mut self,
        name: &'static str,
        units: &[(&str, u64)],
        wanted: &str,
    ) -> Result<Option<u64>> {
        let Some(text) = self.text(name) else {
            return Ok(None);
        };
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = text.split_at(digits);
        let factor = units
            .iter()
            .find(|(name, _)| *name == unit)
            .map(|(_, factor)| *factor);
        let quantity = number.parse::<u64>().ok().zip(factor);
        match quantity.and_then(|(number, factor)| number.checked_mul(factor)) {
            Some(quantity) => Ok(Some(quantity)),
            None => Err(wrong(
                self.store,
                format!("the parameter `{name}` is not {wanted}"),
            )),
        }
    }
}

impl std::fmt::Debug for StoreUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StoreUrl")
            .field("store", &self.store)
            .finish_non_exhaustive()
    }
}

fn decode(store: &'static str, text: &str) -> Result<String> {
    let bad = || {
        wrong(
            store,
            "in the URL, a % is not followed by two hexadecimal digits of UTF-8".to_owned(),
        )
    };
    let mut parts = text.split('%');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let (digits, rest) = part.as_bytes().split_at_checked(2).ok_or_else(bad)?;
        let digit = |at: usize| {
            char::from(digits[at])
                .to_digit(16)
                .and_then(|digit| u8::try_from(digit).ok())
        };
        let (high, low) = digit(0).zip(digit(1)).ok_or_else(bad)?;
        bytes.push(high << 4 | low);
        bytes.extend_from_slice(rest);
    }
    String::from_utf8(bytes).map_err(|_| bad())
}

fn wrong(store: &'static str, message: String) -> Error {
    Error::new(ErrorKind::Config, store, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(query: &str) -> StoreUrl {
        StoreUrl::parse("test", &format!("test:place?{query}")).unwrap()
    }

    #[test]
    fn durations_have_a_unit() {
        let duration = |text: &str| url(&format!("x={text}")).duration("x");
        for (text, millis) in [
            ("0ms", 0),
            ("1ms", 1),
            ("2s", 2_000),
            ("3m", 180_000),
            ("4h", 14_400_000),
            ("5d", 432_000_000),
        ] {
            assert_eq!(
                duration(text).unwrap(),
                Some(Duration::from_millis(millis)),
                "{text}"
            );
        }
        for text in [
            "",
            "1",
            "h",
            "-1s",
            "+1s",
            "1.5h",
            "1 h",
            "1H",
            "1w",
            "99999999999999999999s",
            "18446744073709551615d",
        ] {
            let error = duration(text).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Config, "{text}");
            assert!(
                error.to_string().contains("`x` is not a duration such as"),
                "{error}"
            );
        }
    }

    #[test]
    fn sizes_may_have_a_unit() {
        let bytes = |text: &str| url(&format!("x={text}")).bytes("x");
        for (text, size) in [
            ("0", 0),
            ("7", 7),
            ("2kB", 2_000),
            ("2KiB", 2_048),
            ("64MiB", 64 << 20),
            ("1GB", 1_000_000_000),
        ] {
            assert_eq!(bytes(text).unwrap(), Some(size), "{text}");
        }
        for text in [
            "",
            "MiB",
            "-1",
            "1.5MB",
            "1 MB",
            "1mb",
            "1TB",
            "18446744073709551615KiB",
        ] {
            assert_eq!(bytes(text).unwrap_err().kind(), ErrorKind::Config, "{text}");
        }
    }

    #[test]
    fn what_is_left_over_or_twice_or_no_text_is_refused_and_no_value_is_shown() {
        let mut left = url("a=1&passwrod=hunter2");
        assert_eq!(left.text("a").as_deref(), Some("1"));
        assert_eq!(left.text("password"), None);
        let left = left.finish().unwrap_err();
        let twice = StoreUrl::parse("test", "test:?a=hunter2&a=hunter2").unwrap_err();
        let size = url("a=hunter2").bytes("a").unwrap_err();
        let parsed = url("a=hunter2");
        assert_eq!(
            left.to_string(),
            "test session store is set up wrongly: there is no parameter `passwrod`; there are a, password"
        );
        for shown in [
            format!("{left:?}{twice:?}{size:?}{parsed:?}"),
            format!("{left}{twice}{size}"),
        ] {
            assert!(!shown.contains("hunter2"), "{shown}");
        }
        for broken in [
            "test:%",
            "test:%4",
            "test:%zz",
            "test:%ff",
            "test:?a=%",
            "nothing",
        ] {
            let parsed = StoreUrl::parse("test", broken).and_then(|url| url.place());
            assert_eq!(parsed.unwrap_err().kind(), ErrorKind::Config, "{broken}");
        }
    }
}
