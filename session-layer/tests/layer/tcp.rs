//! Over a real socket.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use futures_util::stream;
use session_layer::{Error, Session};
use session_store_api::ErrorKind as StoreErrorKind;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use crate::app::{atomic, plain, routes};
use crate::gate::Gate;
use crate::probe::Probe;

/// A server that stops when the set is dropped.
async fn serve(router: Router) -> (std::net::SocketAddr, JoinSet<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut server = JoinSet::new();
    server.spawn(async move { axum::serve(listener, router).await.unwrap() });
    (address, server)
}

async fn open(address: std::net::SocketAddr, path: &str, cookie: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!(
        "GET {path} HTTP/1.1\r\nhost: a.test\r\nconnection: close\r\ncookie: {cookie}\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    stream
}

async fn fetch(address: std::net::SocketAddr, path: &str, cookie: &str) -> String {
    let mut reply = String::new();
    let mut stream = open(address, path, cookie).await;
    stream.read_to_string(&mut reply).await.unwrap();
    reply
}

fn cookie(reply: &str) -> &str {
    let (_, rest) = reply.split_once("set-cookie: ").unwrap();
    rest.split_once(';').unwrap().0
}

#[tokio::test]
async fn a_visitor_logs_in_and_out() {
    let store = Probe::new();
    let (address, _server) = serve(routes().layer(atomic(&store).build().unwrap())).await;
    let first = fetch(address, "/count", "").await;
    let visitor = cookie(&first);
    assert!(
        fetch(address, "/count", visitor)
            .await
            .ends_with("\r\n\r\n2")
    );
    let login = fetch(address, "/login/Ada", visitor).await;
    let user = cookie(&login);
    assert!(fetch(address, "/get/user", user).await.ends_with("Ada"));
    assert!(fetch(address, "/get/user", visitor).await.ends_with('-'));
    assert!(
        fetch(address, "/destroy", user)
            .await
            .contains("EGG_SESS=; ")
    );
    assert!(fetch(address, "/get/user", user).await.ends_with('-'));
    assert!(store.live().await.is_empty());
}

#[tokio::test]
async fn a_client_that_hangs_up_changes_nothing() {
    /// Says when it is dropped.
    struct OnDrop(Gate);
    impl Drop for OnDrop {
        fn drop(&mut self) {
            self.0.open();
        }
    }

    let (store, gate, dropped) = (Probe::new(), Gate::new(), Gate::new());
    let (waits, tells) = (gate.clone(), dropped.clone());
    let slow = move |session: Session| async move {
        let _tells = OnDrop(tells);
        session.insert("a", "changed").await.unwrap();
        session.destroy();
        waits.pass().await;
    };
    let router = routes().route("/slow", get(slow));
    let (address, _server) = serve(router.layer(atomic(&store).build().unwrap())).await;
    let first = fetch(address, "/insert/a/1", "").await;
    let stream = open(address, "/slow", cookie(&first)).await;
    gate.reached().await;
    drop(stream);
    dropped.pass().await; // the server has dropped the handler
    assert!(
        fetch(address, "/get/a", cookie(&first))
            .await
            .ends_with("\r\n\r\n1")
    );
}

/// Sixty-four requests at once, each for another path.
async fn crowd(
    address: std::net::SocketAddr,
    cookie: &str,
    path: fn(usize) -> String,
) -> Vec<String> {
    let mut requests = JoinSet::new();
    for i in 0..64 {
        let cookie = cookie.to_owned();
        requests.spawn(async move { fetch(address, &path(i), &cookie).await });
    }
    requests.join_all().await
}

fn body(reply: &str) -> &str {
    reply.split_once("\r\n\r\n").unwrap().1
}

/// Routes on which 64 requests meet after they have read the session and before they write it.
fn meeting() -> Router {
    let barrier = Arc::new(Barrier::new(64));
    let meet = |session: Session, path: axum::extract::Path<String>| async move {
        session.len().await?;
        barrier.wait().await;
        session.insert(&path, 1).await
    };
    routes().route("/meet/{name}", get(meet))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sixty_four_clients_each_add_a_value_and_none_is_lost() {
    let store = Probe::new();
    let (address, _server) = serve(meeting().layer(atomic(&store).build().unwrap())).await;
    let first = fetch(address, "/insert/a/1", "").await;
    let replies = crowd(address, cookie(&first), |i| format!("/meet/key{i}")).await;
    assert!(
        replies
            .iter()
            .all(|reply| reply.starts_with("HTTP/1.1 200 "))
    );
    assert_eq!(body(&fetch(address, "/len", cookie(&first)).await), "65");
}

/// What `SessionLayer::new` promises, and no more.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn over_a_plain_store_the_last_write_wins() {
    let store = Probe::new();
    let (address, _server) = serve(meeting().layer(plain(&store).build().unwrap())).await;
    let first = fetch(address, "/insert/a/1", "").await;
    let replies = crowd(address, cookie(&first), |i| format!("/meet/key{i}")).await;
    assert!(
        replies
            .iter()
            .all(|reply| reply.starts_with("HTTP/1.1 200 "))
    );
    assert_eq!(body(&fetch(address, "/len", cookie(&first)).await), "2");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_client_that_is_slower_than_the_logout_revives_nothing() {
    let (store, gate) = (Probe::new(), Gate::new());
    let waits = gate.clone();
    let slow = move |session: Session| async move {
        session.insert("slow", 1).await.unwrap();
        waits.pass().await;
    };
    let router = routes().route("/slow", get(slow));
    let (address, _server) = serve(router.layer(atomic(&store).build().unwrap())).await;
    let first = fetch(address, "/insert/a/1", "").await;
    let (slow, ()) = tokio::join!(fetch(address, "/slow", cookie(&first)), async {
        gate.reached().await;
        fetch(address, "/destroy", cookie(&first)).await;
        gate.open();
    });
    assert!(!slow.contains("set-cookie"));
    assert_eq!(
        body(&fetch(address, "/is_new", cookie(&first)).await),
        "true"
    );
    assert!(store.live().await.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_sixty_four_clients_that_move_a_session_one_has_it() {
    let store = Probe::new();
    let barrier = Arc::new(Barrier::new(64));
    let meet = |session: Session| async move {
        session.len().await?;
        barrier.wait().await;
        session.regenerate();
        Ok::<_, Error>(())
    };
    let router = routes().route("/move", get(meet));
    let (address, _server) = serve(router.layer(atomic(&store).build().unwrap())).await;
    let first = fetch(address, "/insert/a/1", "").await;
    let replies = crowd(address, cookie(&first), |_| "/move".to_owned()).await;
    assert!(
        replies
            .iter()
            .all(|reply| reply.starts_with("HTTP/1.1 200 "))
    );
    let moved: Vec<_> = replies
        .iter()
        .filter(|reply| reply.contains("set-cookie"))
        .collect();
    assert_eq!((moved.len(), store.live().await.len()), (1, 1));
    assert_eq!(body(&fetch(address, "/get/a", cookie(moved[0])).await), "1");
    assert_eq!(body(&fetch(address, "/get/a", cookie(&first)).await), "-");
}

#[tokio::test]
async fn a_store_that_goes_down_meanwhile_is_503_and_the_session_is_intact() {
    for build in [atomic, plain] {
        let (store, gate) = (Probe::new(), Gate::new());
        let waits = gate.clone();
        let slow = move |session: Session| async move {
            session.insert("a", "changed").await.unwrap();
            waits.pass().await;
        };
        let router = routes().route("/slow", get(slow));
        let (address, _server) = serve(router.layer(build(&store).build().unwrap())).await;
        let first = fetch(address, "/insert/a/1", "").await;
        let (slow, ()) = tokio::join!(fetch(address, "/slow", cookie(&first)), async {
            gate.reached().await;
            store.refuse("all", StoreErrorKind::Unavailable);
            gate.open();
        });
        assert!(slow.starts_with("HTTP/1.1 503 "), "{slow}");
        assert!(!slow.contains("set-cookie"));
        store.recover();
        assert_eq!(body(&fetch(address, "/get/a", cookie(&first)).await), "1");
    }
}

#[tokio::test]
async fn a_body_that_streams_may_save_but_its_head_is_gone() {
    let (store, gate) = (Probe::new(), Gate::new());
    let waits = gate.clone();
    let handler = move |session: Session| async move {
        session.insert("before", 1).await.unwrap();
        let later = stream::once(async move {
            waits.pass().await;
            session.insert("during", 2).await.unwrap();
            session.save().await.unwrap();
            Ok::<_, std::io::Error>("streamed")
        });
        Body::from_stream(later)
    };
    let router = Router::new().route("/", get(handler));
    let (address, _server) = serve(router.layer(atomic(&store).build().unwrap())).await;
    let (reply, ()) = tokio::join!(fetch(address, "/", ""), async {
        gate.reached().await;
        assert_eq!(
            store.only().await.get("during"),
            None,
            "written with the head"
        );
        gate.open();
    });
    assert!(reply.contains("set-cookie: EGG_SESS=") && reply.contains("streamed"));
    assert_eq!(store.only().await["during"], 2);
}
