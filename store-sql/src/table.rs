//! The name of a table.

use std::fmt;
use std::sync::Arc;

use session_store_api::Result;

use crate::error::config;

/// A table's name, with that of its schema if it is given: letters, digits and underscores, so that it can
/// stand in a statement.
#[derive(Clone, PartialEq, Eq)]
pub struct Table {
    schema: Option<Arc<str>>,
    name: Arc<str>,
}

impl Table {
    /// The table `name` of at most so many bytes, in whatever schema the database looks it up.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`](session_store_api::ErrorKind::Config) if it is anything but letters, digits
    /// and underscores, or begins with a digit.
    pub fn new(store: &'static str, name: &str, longest: usize) -> Result<Self> {
        if is_name(name, longest) {
            let name = name.into();
            return Ok(Self { schema: None, name });
        }
        Err(config(
            store,
            format!(
                "`table` must be 1 to {longest} letters, digits and underscores, and not begin with a digit"
            ),
        ))
    }

    /// The same for `name` or `schema.name`.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new), of either part.
    pub fn qualified(store: &'static str, name: &str, longest: usize) -> Result<Self> {
        let Some((schema, name)) = name.split_once('.') else {
            return Self::new(store, name, longest);
        };
        let mut table = Self::new(store, name, longest)?;
        table.schema = Some(Self::new(store, schema, longest)?.name);
        Ok(table)
    }

    /// Its name without the schema's.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The schema's name, if it is given.
    #[must_use]
    pub fn schema(&self) -> Option<&str> {
        self.schema.as_deref()
    }

    /// As it stands in a statement, where identifiers stand between two of `quote`.
    #[must_use]
    pub fn quoted(&self, quote: char) -> String {
        let Self { schema, name } = self;
        match schema {
            Some(schema) => format!("{quote}{schema}{quote}.{quote}{name}{quote}"),
            None => format!("{quote}{name}{quote}"),
        }
    }
}

impl Default for Table {
    fn default() -> Self {
        Self {
            schema: None,
            name: "sessions".into(),
        }
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.schema {
            Some(schema) => write!(f, "{schema}.{}", self.name),
            None => f.write_str(&self.name),
        }
    }
}

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.to_string())
    }
}

fn is_name(name: &str, longest: usize) -> bool {
    name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && name.len() <= longest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_that_can_stand_in_a_statement() {
        let table = |name| Table::qualified("test", name, 8);
        for (name, quoted) in [
            ("sessions", "`sessions`"),
            ("_1", "`_1`"),
            ("auth.Logins", "`auth`.`Logins`"),
        ] {
            assert_eq!(table(name).unwrap().quoted('`'), quoted);
            assert_eq!(table(name).unwrap().to_string(), name);
        }
        for name in [
            "",
            "1st",
            "two words",
            "sessions_",
            "a\"b",
            "a`b",
            "é",
            ".a",
            "a.",
            "a.b.c",
        ] {
            assert!(table(name).is_err(), "{name}");
        }
        assert!(Table::new("test", "auth.a", 8).is_err());
    }
}
