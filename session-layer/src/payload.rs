//! The session as the text that goes into its own cookie.

use std::sync::Arc;

use base64::Engine;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use http::request::Parts;
use serde_json::{Map, Value};

use crate::Result;
use crate::hooks::Hook;
use crate::record::Record;

/// What Node's decoder forgives, once the other alphabet is translated and strangers are left out.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// How a session becomes text.
#[derive(Clone)]
pub(crate) enum Encoding {
    /// As JSON, for a form that hides or encodes it.
    Json,
    /// As base64 of JSON, like koa and egg.
    Base64,
    /// As the application likes.
    Custom {
        encode: Hook<Map<String, Value>, String>,
        decode: Hook<String, Option<Map<String, Value>>>,
    },
}

impl Encoding {
    pub(crate) async fn encode(
        &self,
        head: Option<&Arc<Parts>>,
        record: &Record,
    ) -> Result<String> {
        let json = || record.encode();
        Ok(match self {
            Self::Json => String::from_utf8_lossy(&json()?).into_owned(),
            Self::Base64 => STANDARD.encode(json()?),
            Self::Custom { encode, .. } => encode.call(kept(head), record.to_object()).await?,
        })
    }

    /// Nothing if `text` is no session.
    pub(crate) async fn decode(
        &self,
        head: Option<&Arc<Parts>>,
        text: &str,
    ) -> Result<Option<Record>> {
        Ok(match self {
            Self::Json => Record::decode(text.as_bytes()),
            Self::Base64 => decode_base64(text).and_then(|json| Record::decode(&json)),
            Self::Custom { decode, .. } => {
                let object = decode.call(kept(head), text.to_owned()).await?;
                object.map(Record::from_object)
            }
        })
    }
}

fn kept(head: Option<&Arc<Parts>>) -> Arc<Parts> {
    Arc::clone(head.expect("a layer with hooks keeps the request's head"))
}

/// As Node decodes: both alphabets, and what is in neither is skipped.
fn decode_base64(text: &str) -> Option<Vec<u8>> {
    let standard = |byte| match byte {
        b'-' => Some(b'+'),
        b'_' => Some(b'/'),
        b'+' | b'/' | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => Some(byte),
        _ => None,
    };
    let text: Vec<u8> = text
        .bytes()
        .take_while(|byte| *byte != b'=')
        .filter_map(standard)
        .collect();
    LENIENT.decode(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_read_as_node_reads_it() {
        for text in ["eyJhIjoiPz8/In0=", "eyJhIjoiPz8_In0", "eyJh\tIjoi*Pz8/In0="] {
            assert_eq!(decode_base64(text).unwrap(), br#"{"a":"???"}"#, "{text}");
        }
        assert!(decode_base64("A").is_none());
    }
}
