//! Hooks of the Rust side: what `node/session.cjs` has.

use http::request::Parts;
use http::{HeaderMap, HeaderValue};
use serde_json::Value;
use session_layer::{BoxError, ExternalKey, SessionKey, SessionLayerBuilder, async_trait};

pub(crate) const ID_HEADER: &str = "x-session";

/// Binds each session to the visitor who began it, and notes in it who wrote it last.
pub fn bound(layer: SessionLayerBuilder) -> SessionLayerBuilder {
    let layer = layer.valid(|request, values| async move {
        Ok(values.get("visitor") == Some(&visitor(&request)?))
    });
    layer.before_save(|request, mut values| async move {
        values.insert("visitor".to_owned(), visitor(&request)?);
        values.insert("writer".to_owned(), "rust".into());
        Ok(values)
    })
}

/// Carries ids in the header `x-session`.
pub fn in_header(layer: SessionLayerBuilder) -> SessionLayerBuilder {
    layer.external_key(InHeader)
}

/// Writes the session into its cookie as JSON in hexadecimal digits.
pub fn in_hex(layer: SessionLayerBuilder) -> SessionLayerBuilder {
    let layer = layer.encode(|_, values| async move {
        let json = Value::Object(values).to_string();
        Ok(json.bytes().map(|byte| format!("{byte:02x}")).collect())
    });
    layer.decode(|_, text| async move {
        let digit = |char: char| char.to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        let digits: Option<Vec<u8>> = text.chars().map(digit).collect();
        let digits = digits.unwrap_or_default();
        let json: Vec<u8> = digits
            .chunks(2)
            .map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit))
            .collect();
        Ok(serde_json::from_slice(&json).ok())
    })
}

struct InHeader;

#[async_trait]
impl ExternalKey for InHeader {
    async fn get(&self, request: &Parts) -> Result<Option<String>, BoxError> {
        let id = request.headers.get(ID_HEADER).map(HeaderValue::to_str);
        Ok(id.transpose()?.map(str::to_owned))
    }

    async fn set(&self, key: &SessionKey, response: &mut HeaderMap) -> Result<(), BoxError> {
        response.insert(ID_HEADER, HeaderValue::from_str(key.as_str())?);
        Ok(())
    }

    async fn clear(&self, response: &mut HeaderMap) -> Result<(), BoxError> {
        response.remove(ID_HEADER);
        Ok(())
    }
}

fn visitor(request: &Parts) -> Result<Value, BoxError> {
    let visitor = request.headers.get("x-visitor");
    let visitor = visitor.map(HeaderValue::to_str).transpose()?;
    Ok(visitor.unwrap_or_default().into())
}
