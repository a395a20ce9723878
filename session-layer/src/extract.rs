//! `Session` as an argument of an axum handler.

use axum_core::extract::FromRequestParts;
use axum_core::response::{IntoResponse, Response};
use http::request::Parts;

use crate::{Error, ErrorKind, Session};

impl<S: Sync> FromRequestParts<S> for Session {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Error> {
        parts.extensions.get().cloned().ok_or_else(|| {
            Error::new(
                ErrorKind::NoLayer,
                "there is no session layer around this handler",
            )
        })
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        self.log("the session could not be used");
        let status = self.status();
        (status, status.canonical_reason().unwrap_or_default()).into_response()
    }
}
