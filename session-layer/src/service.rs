//! The service a layer makes.

use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response};
use tower_service::Service;

use crate::config::Config;
use crate::{ResponseFuture, Session};

/// A service whose requests carry a [`Session`] in their extensions.
///
/// A session that cannot be written turns the response into an empty one with the status of the
/// [`Error`](crate::Error). If the inner service answers an error instead of a response, nothing is
/// written, as there is no response to put a cookie on.
#[derive(Clone, Debug)]
pub struct SessionService<S> {
    inner: S,
    config: Arc<Config>,
}

impl<S> SessionService<S> {
    pub(crate) fn new(inner: S, config: Arc<Config>) -> Self {
        Self { inner, config }
    }
}

impl<S, RequestBody, ResponseBody> Service<Request<RequestBody>> for SessionService<S>
where
    S: Service<Request<RequestBody>, Response = Response<ResponseBody>>,
    ResponseBody: Default,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, ResponseBody>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<RequestBody>) -> Self::Future {
        let (mut head, body) = request.into_parts();
        let session = Session::new(Arc::clone(&self.config), &head);
        head.extensions.insert(session.clone());
        ResponseFuture::new(self.inner.call(Request::from_parts(head, body)), session)
    }
}
