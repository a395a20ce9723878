//! As much of BSON as commands and their answers need.

/// A value in a document.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Bson {
    /// Nothing.
    Null,
    /// Yes or no.
    Bool(bool),
    /// A small number.
    Int32(i32),
    /// A number; a moment too, in milliseconds of the epoch.
    Int64(i64),
    /// A number with a fraction.
    Double(f64),
    /// Text.
    String(String),
    /// Bytes of any kind, and values that this does not know.
    Binary(Vec<u8>),
    /// Several values.
    Array(Vec<Self>),
    /// Several values with names, in their order.
    Document(Vec<(String, Self)>),
}

/// Reads what is left of a document.
struct Reader<'a>(&'a [u8]);

impl Bson {
    /// A document of these fields.
    #[must_use]
    pub fn document<const N: usize>(fields: [(&str, Self); N]) -> Self {
        Self::Document(fields.map(|(name, value)| (name.to_owned(), value)).into())
    }

    /// A field of a document.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Document(fields) => {
                let mut fields = fields.iter();
                fields.find_map(|(field, value)| (field == name).then_some(value))
            }
            _ => None,
        }
    }

    /// The text of a field; empty if it is none.
    #[must_use]
    pub fn text(&self, name: &str) -> &str {
        match self.get(name) {
            Some(Self::String(text)) => text,
            _ => "",
        }
    }

    /// Whether a field is true, or a number other than zero.
    #[must_use]
    pub fn is(&self, name: &str) -> bool {
        match self.get(name) {
            Some(Self::Bool(is)) => *is,
            Some(Self::Int32(number)) => *number != 0,
            Some(Self::Int64(number)) => *number != 0,
            Some(Self::Double(number)) => *number != 0.0,
            _ => false,
        }
    }

    /// The bytes of a document.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut body = Vec::new();
        match self {
            Self::Document(fields) => {
                for (name, value) in fields {
                    value.write(name, &mut body);
                }
            }
            Self::Array(values) => {
                for (place, value) in values.iter().enumerate() {
                    value.write(&place.to_string(), &mut body);
                }
            }
            _ => {}
        }
        let mut bytes = length(body.len() + 5);
        bytes.append(&mut body);
        bytes.push(0);
        bytes
    }

    fn write(&self, name: &str, to: &mut Vec<u8>) {
        let (kind, bytes) = match self {
            Self::Double(number) => (1, number.to_le_bytes().to_vec()),
            Self::String(text) => {
                let mut bytes = length(text.len() + 1);
                bytes.extend_from_slice(text.as_bytes());
                bytes.push(0);
                (2, bytes)
            }
            Self::Document(_) => (3, self.to_bytes()),
            Self::Array(_) => (4, self.to_bytes()),
            Self::Binary(content) => {
                let mut bytes = length(content.len());
                bytes.push(0);
                bytes.extend_from_slice(content);
                (5, bytes)
            }
            Self::Bool(is) => (8, vec![u8::from(*is)]),
            Self::Null => (10, Vec::new()),
            Self::Int32(number) => (16, number.to_le_bytes().to_vec()),
            Self::Int64(number) => (18, number.to_le_bytes().to_vec()),
        };
        to.push(kind);
        to.extend_from_slice(name.as_bytes());
        to.push(0);
        to.extend(bytes);
    }

    /// Reads a document; `None` if these bytes are none.
    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let fields = Reader(bytes).fields()?;
        Some(Self::Document(fields))
    }
}

impl<'a> Reader<'a> {
    fn fields(&mut self) -> Option<Vec<(String, Bson)>> {
        let length = self.length()?.checked_sub(4)?;
        let mut inside = Reader(self.take(length)?);
        let mut fields = Vec::new();
        loop {
            match inside.number::<1>()? {
                [0] => return Some(fields),
                [kind] => {
                    let name = inside.name()?;
                    fields.push((name, inside.value(kind)?));
                }
            }
        }
    }

    fn value(&mut self, kind: u8) -> Option<Bson> {
        Some(match kind {
            1 => Bson::Double(f64::from_le_bytes(self.number()?)),
            2 => {
                let length = self.length()?;
                let text = self.take(length)?.strip_suffix(&[0])?;
                Bson::String(String::from_utf8_lossy(text).into_owned())
            }
            3 => Bson::Document(self.fields()?),
            4 => {
                let fields = self.fields()?.into_iter();
                Bson::Array(fields.map(|(_, value)| value).collect())
            }
            5 => {
                let length = self.length()?;
                self.take(1)?;
                Bson::Binary(self.take(length)?.to_vec())
            }
            7 => Bson::Binary(self.take(12)?.to_vec()),
            8 => Bson::Bool(self.number::<1>()? != [0]),
            10 => Bson::Null,
            16 => Bson::Int32(i32::from_le_bytes(self.number()?)),
            // A moment, a moment in the log of changes, a number.
            9 | 17 | 18 => Bson::Int64(i64::from_le_bytes(self.number()?)),
            19 => Bson::Binary(self.take(16)?.to_vec()),
            _ => return None,
        })
    }

    fn name(&mut self) -> Option<String> {
        let end = self.0.iter().position(|byte| *byte == 0)?;
        let name = self.take(end)?;
        self.take(1)?;
        Some(String::from_utf8_lossy(name).into_owned())
    }

    fn length(&mut self) -> Option<usize> {
        usize::try_from(i32::from_le_bytes(self.number()?)).ok()
    }

    fn number<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }
}

fn length(length: usize) -> Vec<u8> {
    // What is longer than this fits into no message.
    let length = i32::try_from(length).unwrap_or(i32::MAX);
    length.to_le_bytes().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_can_be_read() {
        let document = Bson::document([
            ("null", Bson::Null),
            ("bool", Bson::Bool(true)),
            ("int32", Bson::Int32(-1)),
            ("int64", Bson::Int64(i64::MIN)),
            ("double", Bson::Double(0.5)),
            ("string", Bson::String("ö".to_owned())),
            ("binary", Bson::Binary(vec![0, 255])),
            ("array", Bson::Array(vec![Bson::Int32(1), Bson::Null])),
            ("document", Bson::document([("a", Bson::Int32(1))])),
        ]);
        let bytes = document.to_bytes();
        assert_eq!(Bson::from_bytes(&bytes), Some(document));
        for length in 0..bytes.len() {
            assert_eq!(Bson::from_bytes(&bytes[..length]), None);
        }
    }

    /// The example of the specification.
    #[test]
    fn bytes_are_those_of_the_specification() {
        let document = Bson::document([("hello", Bson::String("world".to_owned()))]);
        let expected = b"\x16\0\0\0\x02hello\0\x06\0\0\0world\0\0";
        assert_eq!(document.to_bytes(), expected);
    }
}
