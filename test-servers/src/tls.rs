//! Certificates to throw away.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};

pub(crate) mod client;

/// Who a certificate of a server speaks for.
const NAMES: [&str; 2] = ["localhost", "127.0.0.1"];

/// Where the certificates of a server are, as PEM files that vanish with it.
#[derive(Clone, Debug)]
pub struct Certificates {
    folder: PathBuf,
}

/// An authority that nobody else trusts. Its key is never written down.
pub(crate) struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Certificates {
    /// Those in a folder, be it one that only the server can see.
    pub(crate) fn within(folder: &Path) -> Self {
        Self {
            folder: folder.join("tls"),
        }
    }

    /// The folder that they are in.
    #[cfg(feature = "containers")]
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The certificate of the authority, which a client must trust.
    #[must_use]
    pub fn authority(&self) -> PathBuf {
        self.folder.join("authority.pem")
    }

    /// A certificate that the server takes from a client.
    #[must_use]
    pub fn client(&self) -> PathBuf {
        self.folder.join("client.pem")
    }

    /// The key of that certificate.
    #[must_use]
    pub fn client_key(&self) -> PathBuf {
        self.folder.join("client.key")
    }

    /// The certificate and the key in one file, as MongoDB wants them.
    #[must_use]
    pub fn client_both(&self) -> PathBuf {
        self.folder.join("client-both.pem")
    }

    /// What the server shows, for `localhost` and `127.0.0.1`.
    pub(crate) fn server(&self) -> PathBuf {
        self.folder.join("server.pem")
    }

    /// The key of that certificate.
    pub(crate) fn server_key(&self) -> PathBuf {
        self.folder.join("server.key")
    }

    pub(crate) fn server_both(&self) -> PathBuf {
        self.folder.join("server-both.pem")
    }
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authority").finish_non_exhaustive()
    }
}

impl Authority {
    pub(crate) fn new() -> io::Result<Self> {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let name = &mut params.distinguished_name;
        name.push(DnType::CommonName, "nobody but this test");
        let key = KeyPair::generate().map_err(io::Error::other)?;
        let certificate = params.self_signed(&key).map_err(io::Error::other)?;
        Ok(Self {
            pem: certificate.pem(),
            issuer: Issuer::new(params, key),
        })
    }

    /// Writes certificates for a server and for a client into a new folder in this one.
    pub(crate) fn issue(&self, folder: &Path) -> io::Result<Certificates> {
        let certificates = Certificates::within(folder);
        fs::create_dir(&certificates.folder)?;
        let (server, server_key) = self.sign(ExtendedKeyUsagePurpose::ServerAuth)?;
        let (client, client_key) = self.sign(ExtendedKeyUsagePurpose::ClientAuth)?;
        write(&certificates.authority(), &self.pem)?;
        write(&certificates.server(), &server)?;
        write(&certificates.server_key(), &server_key)?;
        write(&certificates.client(), &client)?;
        write(&certificates.client_key(), &client_key)?;
        write(&certificates.server_both(), &(server + &server_key))?;
        write(&certificates.client_both(), &(client + &client_key))?;
        Ok(certificates)
    }

    /// A certificate and its key.
    fn sign(&self, usage: ExtendedKeyUsagePurpose) -> io::Result<(String, String)> {
        let mut params =
            CertificateParams::new(NAMES.map(str::to_owned)).map_err(io::Error::other)?;
        params.extended_key_usages = vec![usage];
        let key = KeyPair::generate().map_err(io::Error::other)?;
        let certificate = params
            .signed_by(&key, &self.issuer)
            .map_err(io::Error::other)?;
        Ok((certificate.pem(), key.serialize_pem()))
    }
}

/// Some servers refuse a key that others may read.
fn write(path: &Path, text: &str) -> io::Result<()> {
    let mut file = File::options()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(text.as_bytes())
}
