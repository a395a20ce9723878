//! How Postgres is started and asked.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{fs, io};

use tokio::net::{TcpStream, UnixStream};

use crate::builder::{Settings, Tls};
use crate::engine::Launch;
use crate::tls::Certificates;
use crate::{Kind, program, template, url};

mod wire;

/// Who a client is, and the name of its database.
const NAME: &str = "postgres";

/// Makes the database, and says who may come in.
pub(crate) fn prepare(launch: &Launch, settings: &Settings, program: &Path) -> io::Result<()> {
    let mut initdb = Command::new(program::beside(program, "initdb")?);
    initdb.args(["--username", NAME, "--auth=trust", "--no-sync"]);
    initdb.args(["--encoding=UTF8", "--locale=C", "--no-instructions"]);
    template::fill(launch, &data(launch), &mut initdb, "--pgdata=")?;
    let (host, certificate) = match settings.tls {
        Tls::None => ("host", ""),
        Tls::Server => ("hostssl", ""),
        Tls::Mutual => ("hostssl", " clientcert=verify-ca"),
    };
    let method = match settings.password {
        None => "trust",
        Some(_) => "scram-sha-256",
    };
    // Through the socket come we alone: nobody else can open the folder.
    let access = format!("local all all trust\n{host} all all all {method}{certificate}\n");
    fs::write(access_file(launch), access)
}

/// The command line of a server.
pub(crate) fn args(launch: &Launch, settings: &Settings) -> Vec<String> {
    let path = |path: PathBuf| path.to_string_lossy().into_owned();
    let mut options = vec![("port", launch.port.to_string())];
    let mut args = Vec::new();
    if !launch.contained {
        args.extend(["-D".to_owned(), path(data(launch))]);
        options.extend([
            ("listen_addresses", "127.0.0.1".to_owned()),
            ("unix_socket_directories", path(launch.folder.clone())),
            ("hba_file", path(access_file(launch))),
            // In files that vanish with the folder.
            ("dynamic_shared_memory_type", "mmap".to_owned()),
        ]);
    }
    if let Some(certificates) = &launch.certificates {
        options.extend([
            ("ssl", "on".to_owned()),
            ("ssl_ca_file", path(certificates.authority())),
            ("ssl_cert_file", path(certificates.server())),
            ("ssl_key_file", path(certificates.server_key())),
        ]);
    }
    if !settings.durable {
        options.push(("fsync", "off".to_owned()));
        options.push(("full_page_writes", "off".to_owned()));
    }
    // It looks at its environment only when the database is made.
    if let Some((_, zone)) = settings.env.iter().find(|(name, _)| name == "TZ") {
        options.push(("timezone", zone.clone()));
    }
    for (name, value) in options {
        args.extend(["-c".to_owned(), format!("{name}={value}")]);
    }
    args.extend(settings.args.iter().cloned());
    args
}

/// What the official image is told in its environment.
#[cfg(feature = "containers")]
pub(crate) fn env(settings: &Settings) -> (String, String) {
    match &settings.password {
        Some(password) => ("POSTGRES_PASSWORD".to_owned(), password.clone()),
        None => ("POSTGRES_HOST_AUTH_METHOD".to_owned(), "trust".to_owned()),
    }
}

/// Where a client finds it.
pub(crate) fn url(
    launch: &Launch,
    settings: &Settings,
    certificates: Option<&Certificates>,
) -> String {
    let mut parameters = Vec::new();
    if let Some(certificates) = certificates {
        parameters.push(("sslmode", "verify-full".into()));
        parameters.push(("sslrootcert", certificates.authority()));
        if settings.tls == Tls::Mutual {
            parameters.push(("sslcert", certificates.client()));
            parameters.push(("sslkey", certificates.client_key()));
        }
    }
    let user = url::user(NAME, settings.password.as_deref());
    let query = url::query(&parameters);
    format!("postgres://{user}127.0.0.1:{}/{NAME}{query}", launch.port)
}

/// The version of a server that we started. It is asked through its socket, which is there whatever
/// clients must show at the port, and which no other server has. To a container only ports lead.
pub(crate) async fn probe(launch: &Launch, settings: &Settings) -> io::Result<String> {
    if launch.contained {
        return probe_address(&format!("127.0.0.1:{}", launch.port)).await;
    }
    let socket = launch.folder.join(format!(".s.PGSQL.{}", launch.port));
    let mut stream = UnixStream::connect(socket).await?;
    let version = wire::greet(&mut stream, NAME).await?;
    if let Some(password) = &settings.password {
        let password = password.replace('\'', "''");
        let statement = format!("ALTER ROLE {NAME} PASSWORD '{password}'");
        wire::execute(&mut stream, &statement).await?;
    }
    Ok(version)
}

/// The version of a server that somebody else started.
pub(crate) async fn probe_url(url: &str) -> io::Result<String> {
    probe_address(&url::address(Kind::Postgres, url)).await
}

async fn probe_address(address: &str) -> io::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    wire::greet(&mut stream, NAME).await
}

fn data(launch: &Launch) -> PathBuf {
    launch.folder.join("data")
}

fn access_file(launch: &Launch) -> PathBuf {
    launch.folder.join("access")
}
