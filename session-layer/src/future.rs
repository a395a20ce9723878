//! The response, once its session is written.

use std::fmt;
use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::{HeaderMap, Response};
use pin_project_lite::pin_project;

use crate::{Result, Session};

pin_project! {
    /// Waits for the inner service's response, then for its session to be written.
    ///
    /// # Cancel safety
    ///
    /// Dropped before the inner service has answered, nothing is written. Dropped later, the session
    /// is as before or as written.
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<F, B> {
        #[pin]
        phase: Phase<F, B>,
    }
}

pin_project! {
    #[project = PhaseProjection]
    enum Phase<F, B> {
        Respond {
            #[pin]
            future: F,
            session: Session,
        },
        Commit {
            commit: Commit,
            response: Option<Response<B>>,
        },
    }
}

/// Answers the response's headers, and whether the session is written.
type Commit = Pin<Box<dyn Future<Output = (HeaderMap, Result<()>)> + Send>>;

impl<F, B> ResponseFuture<F, B> {
    pub(crate) fn new(future: F, session: Session) -> Self {
        let phase = Phase::Respond { future, session };
        Self { phase }
    }
}

impl<F, B> fmt::Debug for ResponseFuture<F, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}

impl<F, B, E> Future for ResponseFuture<F, B>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: Default,
{
    type Output = Result<Response<B>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut phase = self.project().phase;
        loop {
            let next = match phase.as_mut().project() {
                PhaseProjection::Respond { future, session } => {
                    let mut response = ready!(future.poll(cx))?;
                    if session.is_idle() {
                        return Poll::Ready(Ok(response)); // nothing to write: no box
                    }
                    let session = session.clone();
                    let mut headers = mem::take(response.headers_mut());
                    Phase::Commit {
                        commit: Box::pin(async move {
                            let written = session.respond(&mut headers).await;
                            (headers, written)
                        }),
                        response: Some(response),
                    }
                }
                PhaseProjection::Commit { commit, response } => {
                    let (headers, written) = ready!(commit.as_mut().poll(cx));
                    let response = response.take().expect("polled after completion");
                    return Poll::Ready(Ok(finish(response, headers, written)));
                }
            };
            phase.set(next);
        }
    }
}

/// The response with its headers, or in its place one that says the session could not be written.
fn finish<B: Default>(
    mut response: Response<B>,
    headers: HeaderMap,
    written: Result<()>,
) -> Response<B> {
    if let Err(error) = written {
        error.log("the session could not be written");
        response = Response::default();
        *response.status_mut() = error.status();
    }
    *response.headers_mut() = headers;
    response
}
