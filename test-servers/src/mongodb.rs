//! How MongoDB is started and asked.

use std::path::PathBuf;
use std::{fs, io};

use tokio::net::TcpStream;

use crate::builder::{Layout, Settings, Tls};
use crate::engine::Launch;
use crate::mongodb::bson::Bson;
use crate::mongodb::client::MongoClient;
use crate::node::{Node, UNKNOWN};
use crate::tls::Certificates;
use crate::{Kind, tls, url};

pub(crate) mod bson;
pub(crate) mod client;
pub(crate) mod replica_set;

/// The name of a client's database.
const DATABASE: &str = "sessions";

/// Who a client is, where it must say so.
const USER: &str = "root";

/// Makes an empty folder for the data.
pub(crate) fn prepare(launch: &Launch) -> io::Result<()> {
    fs::create_dir(data(launch))
}

/// The command line of a server.
pub(crate) fn args(launch: &Launch, settings: &Settings) -> Vec<String> {
    let path = |path: PathBuf| path.to_string_lossy().into_owned();
    let mut options = vec![
        ("port", launch.port.to_string()),
        ("wiredTigerCacheSizeGB", "0.25".to_owned()),
        // It writes down how it fares, several times a second.
        (
            "setParameter",
            "diagnosticDataCollectionEnabled=false".to_owned(),
        ),
        // A primary that ends would first wait for another to take its place.
        (
            "setParameter",
            "shutdownTimeoutMillisForSignaledShutdown=100".to_owned(),
        ),
    ];
    if launch.contained {
        options.push(("bind_ip", "0.0.0.0".to_owned()));
    } else {
        options.push(("bind_ip", "127.0.0.1".to_owned()));
        options.push(("dbpath", path(data(launch))));
    }
    if let Layout::ReplicaSet(_) = settings.layout {
        options.push(("replSet", replica_set::NAME.to_owned()));
    }
    if let Some(certificates) = &launch.certificates {
        options.extend([
            ("tlsMode", "requireTLS".to_owned()),
            ("tlsCAFile", path(certificates.authority())),
            ("tlsCertificateKeyFile", path(certificates.server_both())),
        ]);
    }
    let mut args: Vec<_> = options
        .into_iter()
        .flat_map(|(name, value)| [format!("--{name}"), value])
        .collect();
    if settings.tls == Tls::Server {
        args.push("--tlsAllowConnectionsWithoutCertificates".to_owned());
    }
    if settings.password.is_some() {
        args.push("--auth".to_owned());
    }
    args.push("--nounixsocket".to_owned());
    args.extend(settings.args.iter().cloned());
    args
}

/// Where a client finds it, be it one of several.
pub(crate) fn url(
    launch: &Launch,
    settings: &Settings,
    certificates: Option<&Certificates>,
) -> String {
    let address = format!("127.0.0.1:{}", launch.port);
    let direct = ("directConnection", "true");
    let parameter = (settings.layout != Layout::Single).then_some(direct);
    url_of(&address, settings, certificates, parameter)
}

/// A URL of one or more addresses, with a parameter of its own.
fn url_of(
    addresses: &str,
    settings: &Settings,
    certificates: Option<&Certificates>,
    parameter: Option<(&str, &str)>,
) -> String {
    let mut parameters: Vec<(&str, PathBuf)> = Vec::new();
    parameters.extend(parameter.map(|(name, value)| (name, value.into())));
    if let Some(certificates) = certificates {
        parameters.push(("tls", "true".into()));
        parameters.push(("tlsCAFile", certificates.authority()));
        if settings.tls == Tls::Mutual {
            parameters.push(("tlsCertificateKeyFile", certificates.client_both()));
        }
    }
    if settings.password.is_some() {
        // Where its name is kept; it would be looked for in its database.
        parameters.push(("authSource", "admin".into()));
    }
    let password = settings.password.as_deref();
    let user = url::user(password.map_or("", |_| USER), password);
    let query = url::query(&parameters);
    format!("mongodb://{user}{addresses}/{DATABASE}{query}")
}

/// The version of a server that we started.
pub(crate) async fn probe(launch: &Launch, settings: &Settings) -> io::Result<String> {
    let mut client = client(launch).await?;
    let version = version(&mut client).await?;
    if let Some(password) = &settings.password {
        create_user(&mut client, password).await?;
    }
    Ok(version)
}

/// The version of a server that somebody else started.
pub(crate) async fn probe_url(url: &str) -> io::Result<String> {
    let address = url::address(Kind::MongoDb, url);
    if url.contains("tls=true") || url.contains("ssl=true") {
        TcpStream::connect(address).await?;
        return Ok(UNKNOWN.to_owned()); // it takes connections, and this client speaks no TLS
    }
    version(&mut MongoClient::connect(&address).await?).await
}

/// What a server of ours answers to a command.
async fn ask<const N: usize>(node: &Node, command: [(&str, Bson); N]) -> io::Result<Bson> {
    client(node.launch()?)
        .await?
        .command("admin", command)
        .await
}

async fn client(launch: &Launch) -> io::Result<MongoClient> {
    let address = format!("127.0.0.1:{}", launch.port);
    match &launch.certificates {
        None => MongoClient::connect(&address).await,
        Some(certificates) => {
            let stream = tls::client::connect(&address, certificates).await?;
            Ok(MongoClient::new(stream))
        }
    }
}

async fn version(client: &mut MongoClient) -> io::Result<String> {
    let answer = client.command("admin", [("buildInfo", Bson::Int32(1))]);
    Ok(answer.await?.text("version").to_owned())
}

/// Creates the first user, which anybody on this machine may do. When the server has started again there
/// is one, and nobody may.
async fn create_user(client: &mut MongoClient, password: &str) -> io::Result<()> {
    let command = [
        ("createUser", Bson::String(USER.to_owned())),
        ("pwd", Bson::String(password.to_owned())),
        ("roles", Bson::Array(vec![Bson::String("root".to_owned())])),
    ];
    match client.command("admin", command).await {
        Err(error) if !error.to_string().starts_with("Unauthorized") => Err(error),
        _ => Ok(()),
    }
}

fn data(launch: &Launch) -> PathBuf {
    launch.folder.join("data")
}
