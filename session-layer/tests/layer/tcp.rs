//! Over a real socket.

use axum::Router;
use axum::routing::get;
use session_layer::Session;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::app::{atomic, routes};
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
