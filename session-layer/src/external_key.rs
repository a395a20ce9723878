//! Carrying the session's id by other means than a cookie.

use http::HeaderMap;
use http::request::Parts;
use session_store_api::{SessionKey, async_trait};

use crate::BoxError;

/// Carries the id between client and server in place of the cookie: in a header of its own, for instance.
///
/// It is up to you that nobody can guess or see it; ids have 144 random bits, and one that is not of that
/// form never reaches the store. For
/// [`SessionLayerBuilder::external_key`](crate::SessionLayerBuilder::external_key).
///
/// ```
/// use http::{HeaderMap, HeaderValue, request::Parts};
/// use session_layer::{BoxError, ExternalKey, SessionKey, async_trait};
///
/// struct InHeader;
///
/// #[async_trait]
/// impl ExternalKey for InHeader {
///     async fn get(&self, request: &Parts) -> Result<Option<String>, BoxError> {
///         let id = request.headers.get("x-session").map(|id| id.to_str());
///         Ok(id.transpose()?.map(str::to_owned))
///     }
///
///     async fn set(&self, key: &SessionKey, response: &mut HeaderMap) -> Result<(), BoxError> {
///         response.insert("x-session", HeaderValue::from_str(key.as_str())?);
///         Ok(())
///     }
///
///     async fn clear(&self, response: &mut HeaderMap) -> Result<(), BoxError> {
///         response.insert("x-session", HeaderValue::from_static(""));
///         Ok(())
///     }
/// }
/// ```
#[async_trait]
pub trait ExternalKey: Send + Sync {
    /// The id that the request brings, if it brings one.
    async fn get(&self, request: &Parts) -> Result<Option<String>, BoxError>;

    /// Gives the client the id of its session. Called whenever the session was written.
    async fn set(&self, key: &SessionKey, response: &mut HeaderMap) -> Result<(), BoxError>;

    /// Tells the client that its session has ended.
    async fn clear(&self, response: &mut HeaderMap) -> Result<(), BoxError>;
}
