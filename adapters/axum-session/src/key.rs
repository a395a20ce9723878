//! Names: a table of theirs is the beginning of a key of ours.

use std::fmt;

use session_store_api::SessionKey;

/// The longest table name, in bytes: as in Postgres, and ids have room beside it.
const MAX_LEN: usize = 63;

/// Why a text cannot be a table's name. Says nothing of the text.
#[derive(Debug)]
pub(crate) struct InvalidTableName;

impl std::error::Error for InvalidTableName {}

impl fmt::Display for InvalidTableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "a table name for sessions has 1 to {MAX_LEN} ASCII letters, digits, `_`, `-` and `.`"
        )
    }
}

/// Whether a table may have this name. There is no `:` in it, which ends it in a key.
pub(crate) fn check(table: &str) -> Result<(), InvalidTableName> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
    if (1..=MAX_LEN).contains(&table.len()) && table.bytes().all(allowed) {
        Ok(())
    } else {
        Err(InvalidTableName)
    }
}

/// The key of a session; nothing if the id cannot be one, for a cookie may say anything.
pub(crate) fn key(id: &str, table: &str) -> Result<Option<SessionKey>, InvalidTableName> {
    check(table)?;
    Ok(SessionKey::new(format!("{table}:{id}")).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_id_of_one_table_is_an_id_of_another() {
        for table in ["sessions", "a", "A-b_c.9", &"t".repeat(63)] {
            assert!(key("id", table).unwrap().is_some(), "{table}");
        }
        for table in ["", "a:b", "a b", "caf\u{e9}", "a\n", "*", &"t".repeat(64)] {
            assert!(key("id", table).is_err(), "{table}");
        }
        let key = |id, table| key(id, table).unwrap().unwrap();
        assert_eq!(key("b:c", "a").as_str(), "a:b:c");
        assert_ne!(key("bc", "a"), key("c", "ab"));
    }

    #[test]
    fn what_cannot_be_an_id_has_no_key() {
        for id in ["two words", "\0", "caf\u{e9}", &"i".repeat(200)] {
            assert_eq!(key(id, "sessions").unwrap(), None, "{id}");
        }
    }
}
