//! Which site a form comes from.

use axum::extract::Request;
use axum::http::header::{HOST, ORIGIN};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

/// Refuses forms that another site sends.
///
/// They come without the session, for it is `SameSite`. But a login needs none, and one that a visitor never
/// saw would put them in somebody else's session.
pub(crate) async fn refuse_others(request: Request, next: Next) -> Response {
    if request.method().is_safe() || is_ours(request.headers()) {
        return next.run(request).await;
    }
    let message = "Another site sent this form. Nothing was done.\n";
    (StatusCode::FORBIDDEN, message).into_response()
}

/// Browsers say where a form comes from, the older ones by its origin alone; what says nothing is no browser.
fn is_ours(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).map(|value| value.as_bytes());
    if let Some(site) = text("sec-fetch-site") {
        return [&b"same-origin"[..], b"none"].contains(&site);
    }
    let (Some(origin), host) = (text(ORIGIN.as_str()), text(HOST.as_str())) else {
        return true;
    };
    let origin = origin
        .strip_prefix(b"http://")
        .or_else(|| origin.strip_prefix(b"https://"));
    origin.is_some() && origin == host
}
