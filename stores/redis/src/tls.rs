//! Whom to trust, and what to show.

#[cfg(feature = "tls")]
pub(crate) use self::with::{Tls, TlsFiles};
#[cfg(not(feature = "tls"))]
pub(crate) use self::without::{Tls, TlsFiles};

#[cfg(feature = "tls")]
mod with {
    use std::fs;

    use redis::{ClientTlsConfig, TlsCertificates};
    use session_store_api::{Result, StoreUrl};
    use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
    use tokio_rustls::rustls::pki_types::CertificateDer;
    use tokio_rustls::rustls::pki_types::pem::PemObject;

    use crate::error::config;

    /// The parameters of a URL about TLS.
    pub(crate) struct TlsFiles {
        authority: Option<String>,
        certificate: Option<String>,
        key: Option<String>,
    }

    /// Whom to trust, and what to show; read once.
    #[derive(Clone)]
    pub(crate) struct Tls(TlsCertificates);

    impl TlsFiles {
        pub(crate) fn take(url: &mut StoreUrl) -> Result<Self> {
            let files = Self {
                authority: url.text("ca"),
                certificate: url.text("cert"),
                key: url.text("key"),
            };
            if files.certificate.is_some() != files.key.is_some() {
                return Err(config(
                    "`cert` and `key` belong together; one of them is missing",
                ));
            }
            Ok(files)
        }

        /// Reads the files.
        pub(crate) fn read(&self) -> Result<Tls> {
            // The driver takes what the process has chosen, and panics where that is nothing.
            if CryptoProvider::get_default().is_none() {
                // Fails if somebody has just chosen, which is as good.
                let _ = ring::default_provider().install_default();
            }
            let certificate = certificates("cert", self.certificate.as_deref())?;
            let identity = certificate.zip(read("key", self.key.as_deref())?);
            Ok(Tls(TlsCertificates {
                client_tls: identity.map(|(client_cert, client_key)| ClientTlsConfig {
                    client_cert,
                    client_key,
                }),
                root_cert: certificates("ca", self.authority.as_deref())?,
            }))
        }
    }

    impl Tls {
        /// As the driver takes them.
        pub(crate) fn certificates(&self) -> TlsCertificates {
            self.0.clone()
        }
    }

    /// The content of the file that a parameter names.
    fn read(parameter: &str, path: Option<&str>) -> Result<Option<Vec<u8>>> {
        path.map(fs::read).transpose().map_err(|error| {
            config(format!("the file of `{parameter}` cannot be read")).with_source(error)
        })
    }

    /// The same of a file of certificates. The driver takes one without any as it is, and blames the server.
    fn certificates(parameter: &str, path: Option<&str>) -> Result<Option<Vec<u8>>> {
        let pem = read(parameter, path)?;
        let holds_none = |pem: &Vec<u8>| CertificateDer::pem_slice_iter(pem).next().is_none();
        if pem.as_ref().is_some_and(holds_none) {
            return Err(config(format!(
                "the file of `{parameter}` holds no certificate"
            )));
        }
        Ok(pem)
    }
}

#[cfg(not(feature = "tls"))]
mod without {
    use session_store_api::{Error, ErrorKind, Result, StoreUrl};

    use crate::error::STORE;

    /// There are none.
    pub(crate) enum TlsFiles {}

    /// There is none.
    #[derive(Clone)]
    pub(crate) enum Tls {}

    impl TlsFiles {
        pub(crate) fn take(_: &mut StoreUrl) -> Result<Self> {
            let message =
                "this build speaks no TLS; enable the feature \"tls\" of session-store-redis";
            Err(Error::new(ErrorKind::Unsupported, STORE, message))
        }

        pub(crate) fn read(&self) -> Result<Tls> {
            match *self {}
        }
    }
}
