//! What a request costs that does not use its session.

use std::convert::Infallible;

use http::{HeaderValue, Request, Response, header};
use session_layer::{Profile, SessionLayer};
use tower::{Layer, Service, service_fn};

use crate::app::{atomic, keys};
use crate::probe::Probe;

/// Allocations of one call, with its future polled to the end.
fn allocations<S>(service: &mut S, cookie: &'static str) -> u64
where
    S: Service<Request<()>, Response = Response<()>, Error = Infallible>,
{
    let mut request = Request::new(());
    let cookie = HeaderValue::from_static(cookie);
    request.headers_mut().insert(header::COOKIE, cookie);
    request.extensions_mut().insert(0_u8); // every server puts something there
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    let mut call = || {
        let mut future = std::pin::pin!(service.call(request.clone()));
        assert!(future.as_mut().poll(&mut cx).is_ready());
    };
    call();
    let cloned = allocation_counter::measure(|| drop(request.clone()));
    allocation_counter::measure(call).count_total - cloned.count_total
}

#[test]
fn it_allocates_its_handle_and_a_place_for_it() {
    let store = Probe::new();
    let service = service_fn(|_: Request<()>| async { Ok(Response::new(())) });
    let bare = allocations(&mut service.clone(), "EGG_SESS=x; theme=dark");
    for layer in [
        atomic(&store),
        atomic(&store).profile(Profile::Egg),
        SessionLayer::cookie(keys()),
        SessionLayer::cookie(keys())
            .profile(Profile::Egg)
            .accept(Profile::Sealed),
    ] {
        let mut service = layer.build().unwrap().layer(service);
        let ours = allocations(&mut service, "EGG_SESS=x; theme=dark");
        assert!(
            ours - bare <= 2,
            "the handle, and its box among the extensions: {ours} - {bare}"
        );
    }
    assert!(store.calls().is_empty());
}
