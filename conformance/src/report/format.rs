//! The forms of a report.

use std::error::Error;
use std::fmt;
use std::str::FromStr;

/// A form of a [`Report`](crate::Report).
///
/// ```
/// use session_store_conformance::Format;
///
/// assert_eq!("junit".parse(), Ok(Format::JUnit));
/// assert_eq!(
///     "yaml".parse::<Format>().unwrap_err().to_string(),
///     "unknown report format: choose text, json, junit or markdown",
/// );
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Format {
    /// A table for a terminal, a row for each case. The default.
    #[default]
    Text,
    /// An object with the cases as an array.
    Json,
    /// The XML that build servers read.
    JUnit,
    /// A table for a page, a row for each clause.
    Markdown,
}

impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        match name {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            "junit" => Ok(Self::JUnit),
            "markdown" => Ok(Self::Markdown),
            _ => Err(UnknownFormat(())),
        }
    }
}

/// A text names no [`Format`]. Says which names there are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownFormat(());

impl fmt::Display for UnknownFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("unknown report format: choose text, json, junit or markdown")
    }
}

impl Error for UnknownFormat {}
