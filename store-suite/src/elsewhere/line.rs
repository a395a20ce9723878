//! Questions and answers, each as a line of text.

use std::fmt::{self, Display};
use std::num::TryFromIntError;
use std::str::FromStr;
use std::time::Duration;

use session_store_api::{MaxAge, SessionKey};
use session_store_conformance::BoxError;

/// What the other process is asked.
pub(crate) enum Question {
    /// How many milliseconds have passed since 1970.
    Time,
    Get(SessionKey),
    Set(SessionKey, Vec<u8>, MaxAge),
    Destroy(SessionKey),
}

/// What it says, or what went wrong.
pub(crate) struct Answer(pub(crate) Result<Option<Vec<u8>>, String>);

impl Display for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Time => f.write_str("time"),
            Self::Get(key) => write!(f, "get {}", key.as_str()),
            Self::Set(key, value, MaxAge::Session) => {
                write!(f, "set {} {} session", key.as_str(), hex(value))
            }
            Self::Set(key, value, MaxAge::After(life)) => {
                let nanos = life.as_nanos();
                write!(f, "set {} {} {nanos}", key.as_str(), hex(value))
            }
            Self::Destroy(key) => write!(f, "destroy {}", key.as_str()),
        }
    }
}

impl FromStr for Question {
    type Err = BoxError;

    fn from_str(line: &str) -> Result<Self, BoxError> {
        match line.split(' ').collect::<Vec<_>>()[..] {
            ["time"] => Ok(Self::Time),
            ["get", key] => Ok(Self::Get(key.parse()?)),
            ["set", key, value, life] => {
                let life = match life {
                    "session" => MaxAge::Session,
                    nanos => duration(nanos.parse()?)?.into(),
                };
                Ok(Self::Set(key.parse()?, bytes(value)?, life))
            }
            ["destroy", key] => Ok(Self::Destroy(key.parse()?)),
            _ => Err("nobody asks so".into()),
        }
    }
}

impl Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Ok(None) => f.write_str("none"),
            Ok(Some(value)) => write!(f, "some {}", hex(value)),
            Err(said) => write!(f, "error {}", hex(said.as_bytes())),
        }
    }
}

impl FromStr for Answer {
    type Err = BoxError;

    fn from_str(line: &str) -> Result<Self, BoxError> {
        match line.split_once(' ') {
            None if line == "none" => Ok(Self(Ok(None))),
            Some(("some", value)) => Ok(Self(Ok(Some(bytes(value)?)))),
            Some(("error", said)) => Ok(Self(Err(String::from_utf8(bytes(said)?)?))),
            _ => Err("that is no answer".into()),
        }
    }
}

fn duration(nanos: u128) -> Result<Duration, TryFromIntError> {
    const SECOND: u128 = 1_000_000_000;
    let (seconds, rest) = (nanos / SECOND, nanos % SECOND);
    Ok(Duration::new(seconds.try_into()?, rest.try_into()?))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn bytes(hex: &str) -> Result<Vec<u8>, BoxError> {
    let pairs = hex.as_bytes().chunks(2).map(str::from_utf8);
    pairs
        .map(|pair| Ok(u8::from_str_radix(pair?, 16)?))
        .collect()
}
