//! Statements that hold their values as text.
//!
//! A prepared statement belongs to one connection of the server, and a pooler may give the next message
//! to another. A statement that holds everything is one message, for whichever connection. Whatever comes
//! from outside stands in it as hexadecimal digits, so that no setting of the server reads it otherwise.

use std::fmt::Write as _;

use crate::records::Argument;

/// The statement with its arguments in their places.
pub(crate) fn statement(statement: &str, arguments: &[Argument<'_>]) -> String {
    let mut parts = statement.split('$');
    let mut inlined = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        // After a dollar stands one digit, and nothing else in our statements has a dollar.
        let (number, rest) = part.split_at_checked(1).unwrap_or((part, ""));
        let number: usize = number.parse().unwrap_or(0);
        if let Some(argument) = arguments.get(number.wrapping_sub(1)) {
            put(&mut inlined, argument);
        }
        inlined.push_str(rest);
    }
    inlined
}

fn put(statement: &mut String, argument: &Argument<'_>) {
    match argument {
        Argument::Keys(keys) => {
            let keys = keys.iter().map(|key| key.as_bytes());
            put_bytes(
                statement,
                keys,
                "convert_from(decode(digits, 'hex'), 'UTF8')",
            );
        }
        Argument::Values(values) => {
            put_bytes(statement, values.iter().copied(), "decode(digits, 'hex')");
        }
        Argument::Lives(lives) => {
            let lives: Vec<String> = lives.iter().map(i64::to_string).collect();
            statement.push_str(&format!("'{{{}}}'", lives.join(",")));
        }
        Argument::Limit(limit) => statement.push_str(&limit.to_string()),
    }
}

/// An array of what `decoded` makes of these bytes' digits.
fn put_bytes<'a>(statement: &mut String, items: impl Iterator<Item = &'a [u8]>, decoded: &str) {
    statement.push_str(&format!("ARRAY(SELECT {decoded} FROM unnest('{{"));
    for (place, item) in items.enumerate() {
        statement.push_str(if place == 0 { "\"" } else { ",\"" });
        statement.reserve(2 * item.len() + 1);
        for byte in item {
            // Writing to a string does not fail.
            let _ = write!(statement, "{byte:02x}");
        }
        statement.push('"');
    }
    statement.push_str("}'::text[]) WITH ORDINALITY AS item (digits, place) ORDER BY place)");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_from_outside_is_hexadecimal() {
        let keys = Argument::Keys(vec!["a'$1", "\\"]);
        let values = Argument::Values(vec![b"", b"\x00\xFF"]);
        let arguments = [
            keys,
            values,
            Argument::Lives(vec![0, 12]),
            Argument::Limit(3),
        ];
        assert_eq!(
            statement("f($1::text[], $2, $3::bigint[]) LIMIT $4", &arguments),
            "f(ARRAY(SELECT convert_from(decode(digits, 'hex'), 'UTF8') FROM unnest('{\"61272431\",\"5c\"}'::text[]) \
             WITH ORDINALITY AS item (digits, place) ORDER BY place)::text[], \
             ARRAY(SELECT decode(digits, 'hex') FROM unnest('{\"\",\"00ff\"}'::text[]) \
             WITH ORDINALITY AS item (digits, place) ORDER BY place), '{0,12}'::bigint[]) LIMIT 3"
        );
    }
}
