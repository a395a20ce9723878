//! Redis over TLS, as rustls sees it.

#![allow(clippy::unwrap_used, reason = "a test panics on the unexpected")]

use std::io;
use std::sync::Arc;

use test_servers::{Certificates, FaultProxy, Kind, RespClient, TestServer};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

#[tokio::test]
async fn a_client_that_trusts_the_authority_is_served() {
    let server = TestServer::builder(Kind::Redis)
        .tls()
        .start()
        .await
        .unwrap();
    assert!(server.url().starts_with("rediss://127.0.0.1:"));
    for name in ["localhost", "127.0.0.1"] {
        ping(server.address(), name, client(&server, false))
            .await
            .unwrap();
    }
    // It speaks TLS to whoever asks through a proxy, and nothing else to anybody.
    let proxy = FaultProxy::start(server.address()).unwrap();
    ping(proxy.address(), "127.0.0.1", client(&server, false))
        .await
        .unwrap();
    let mut plain = RespClient::connect(server.address()).await.unwrap();
    plain.command(&["PING"]).await.unwrap_err();
}

#[tokio::test]
async fn nobody_else_trusts_it() {
    let server = TestServer::builder(Kind::Redis)
        .tls()
        .start()
        .await
        .unwrap();
    let other = TestServer::builder(Kind::Redis)
        .tls()
        .start()
        .await
        .unwrap();
    let refused = ping(other.address(), "127.0.0.1", client(&server, false)).await;
    assert!(refused.unwrap_err().to_string().contains("certificate"));
    let misnamed = ping(server.address(), "example.com", client(&server, false)).await;
    assert!(
        misnamed
            .unwrap_err()
            .to_string()
            .contains("not valid for name")
    );
}

#[tokio::test]
async fn a_client_without_a_certificate_is_refused_where_one_is_asked_for() {
    let server = TestServer::builder(Kind::Redis)
        .mutual_tls()
        .start()
        .await
        .unwrap();
    ping(server.address(), "localhost", client(&server, true))
        .await
        .unwrap();
    ping(server.address(), "localhost", client(&server, false))
        .await
        .unwrap_err();
    server.restart().await.unwrap();
    ping(server.address(), "localhost", client(&server, true))
        .await
        .unwrap();
}

/// A client that trusts this server, and shows a certificate if asked to.
fn client(server: &TestServer, with_certificate: bool) -> TlsConnector {
    let certificates = server.certificates().unwrap();
    let mut roots = RootCertStore::empty();
    let authority = CertificateDer::from_pem_file(certificates.authority());
    roots.add(authority.unwrap()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    let config = if with_certificate {
        let (chain, key) = identity(certificates);
        config.with_client_auth_cert(chain, key).unwrap()
    } else {
        config.with_no_client_auth()
    };
    TlsConnector::from(Arc::new(config))
}

fn identity(certificates: &Certificates) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
    let certificate = CertificateDer::from_pem_file(certificates.client());
    let key = PrivateKeyDer::from_pem_file(certificates.client_key());
    (vec![certificate.unwrap()], key.unwrap())
}

async fn ping(address: &str, name: &str, client: TlsConnector) -> io::Result<()> {
    let stream = TcpStream::connect(address).await?;
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let mut client = RespClient::new(client.connect(name, stream).await?);
    client.command(&["PING"]).await.map(drop)
}
