//! How Redis is started and asked.

use std::path::PathBuf;
use std::{fs, io};

use crate::builder::{Role, Settings, Tls};
use crate::engine::Launch;
use crate::node::{Node, UNKNOWN};
use crate::port::SECOND;
use crate::resp::{Reply, RespClient};
use crate::{Kind, url};

pub(crate) mod cluster;
pub(crate) mod sentinel;

/// The name under which Sentinel watches the primary.
pub const SENTINEL_SERVICE: &str = "session-store";

/// Where a sentinel keeps its settings and what it has learned.
const SENTINEL_FILE: &str = "sentinel.conf";

/// Writes the file that a sentinel cannot do without.
pub(crate) fn prepare(launch: &Launch, settings: &Settings) -> io::Result<()> {
    let Role::Sentinel(_) = settings.role else {
        return Ok(());
    };
    let lines = options(launch, settings)
        .into_iter()
        .map(|(name, value)| format!("{name} {value}\n"));
    fs::write(launch.folder.join(SENTINEL_FILE), lines.collect::<String>())
}

/// The command line of a server.
pub(crate) fn args(launch: &Launch, settings: &Settings) -> Vec<String> {
    if let Role::Sentinel(_) = settings.role {
        let file = launch.folder.join(SENTINEL_FILE);
        return vec![file.to_string_lossy().into_owned(), "--sentinel".to_owned()];
    }
    let options = options(launch, settings).into_iter();
    options
        .flat_map(|(name, value)| [format!("--{name}"), value])
        .chain(settings.args.iter().cloned())
        .collect()
}

fn options(launch: &Launch, settings: &Settings) -> Vec<(&'static str, String)> {
    let path = |path: PathBuf| path.to_string_lossy().into_owned();
    let port = launch.port.to_string();
    let mut options = vec![("dir", path(launch.folder.clone()))];
    if launch.contained {
        options.push(("bind", "0.0.0.0".to_owned()));
        options.push(("protected-mode", "no".to_owned()));
    } else {
        options.push(("bind", "127.0.0.1".to_owned()));
        options.push(("unixsocket", path(socket(launch))));
        options.push(("unixsocketperm", "700".to_owned()));
    }
    match &launch.certificates {
        None => options.push(("port", port)),
        Some(certificates) => {
            let mutual = settings.tls == Tls::Mutual;
            options.extend([
                ("port", plain_port(launch).to_string()),
                ("tls-port", port),
                ("tls-ca-cert-file", path(certificates.authority())),
                ("tls-cert-file", path(certificates.server())),
                ("tls-key-file", path(certificates.server_key())),
                // What the server shows to its peers, where it is the client.
                ("tls-client-cert-file", path(certificates.client())),
                ("tls-client-key-file", path(certificates.client_key())),
                (
                    "tls-auth-clients",
                    if mutual { "yes" } else { "no" }.to_owned(),
                ),
                ("tls-replication", "yes".to_owned()),
                ("tls-cluster", "yes".to_owned()),
            ]);
        }
    }
    match settings.role {
        Role::Data => options.extend(data_options(settings)),
        Role::Sentinel(primary) => options.extend(sentinel::options(primary, settings)),
    }
    options
}

fn data_options(settings: &Settings) -> Vec<(&'static str, String)> {
    let mut options = vec![
        ("save", String::new()),
        // A primary would wait five seconds for more replicas before it feeds the first.
        ("repl-diskless-sync-delay", "0".to_owned()),
    ];
    if let Some(password) = &settings.password {
        options.push(("requirepass", password.clone()));
        options.push(("masterauth", password.clone()));
    }
    if settings.durable {
        options.push(("appendonly", "yes".to_owned()));
        options.push(("appendfsync", "always".to_owned()));
    }
    options
}

/// Where a client finds it.
pub(crate) fn url(launch: &Launch, settings: &Settings) -> String {
    let sentinel = matches!(settings.role, Role::Sentinel(_));
    let password = settings.password.as_deref().filter(|_| !sentinel);
    if settings.unix_socket {
        let query = url::query(&Vec::from_iter(password.map(|password| ("pass", password))));
        return format!("unix://{}{query}", socket(launch).display());
    }
    let scheme = if launch.certificates.is_some() {
        "rediss"
    } else {
        "redis"
    };
    let user = url::user("", password);
    format!("{scheme}://{user}127.0.0.1:{}", launch.port)
}

/// The version of a server that we started.
pub(crate) async fn probe(launch: &Launch, settings: &Settings) -> io::Result<String> {
    version(&mut client(launch, settings).await?).await
}

/// A connection to a server that we started. It goes through a socket, which is there whatever clients
/// must show at the port, and which no other server has. To a container only ports lead.
async fn client(launch: &Launch, settings: &Settings) -> io::Result<RespClient> {
    let mut client = if launch.contained {
        RespClient::connect(&format!("127.0.0.1:{}", plain_port(launch))).await?
    } else {
        RespClient::connect_unix(socket(launch)).await?
    };
    if let (Some(password), Role::Data) = (&settings.password, settings.role) {
        client.command(&["AUTH", password]).await?;
    }
    Ok(client)
}

/// What a server of ours answers to a command.
async fn ask(node: &Node, words: &[&str]) -> io::Result<Reply> {
    let mut client = client(node.launch()?, node.settings()).await?;
    client.command(words).await
}

/// Whether a server of ours that is a replica follows its primary. A primary follows nobody.
async fn follows(node: &Node) -> io::Result<bool> {
    let info = ask(node, &["INFO", "replication"]).await?.text();
    let mut lines = info.lines();
    Ok(!lines.any(|line| line == "master_link_status:down"))
}

/// The version of a server that somebody else started.
pub(crate) async fn probe_url(url: &str) -> io::Result<String> {
    let mut client = RespClient::connect(&url::address(Kind::Redis, url)).await?;
    if url.starts_with("rediss:") {
        return Ok(UNKNOWN.to_owned()); // it takes connections, and this client speaks no TLS
    }
    if let Some((user, password)) = url::credentials(url) {
        let user = if user.is_empty() { "default" } else { &user };
        client.command(&["AUTH", user, &password]).await?;
    }
    version(&mut client).await
}

/// The version, once the server answers commands: while it loads its data it refuses `PING`.
async fn version(client: &mut RespClient) -> io::Result<String> {
    client.command(&["PING"]).await?;
    let Reply::Bulk(info) = client.command(&["INFO", "server"]).await? else {
        return Err(io::ErrorKind::InvalidData.into());
    };
    let info = String::from_utf8_lossy(&info);
    let field = |name| info.lines().find_map(|line| line.strip_prefix(name));
    // It also names the version of Redis that it is like.
    if let Some(version) = field("valkey_version:") {
        return Ok(format!("{version} (Valkey)"));
    }
    Ok(field("redis_version:").unwrap_or(UNKNOWN).to_owned())
}

/// Where the server speaks no TLS; 0 for nowhere.
fn plain_port(launch: &Launch) -> u16 {
    match (&launch.certificates, launch.contained) {
        (None, _) => launch.port,
        (Some(_), false) => 0,
        (Some(_), true) => launch.port + SECOND,
    }
}

fn socket(launch: &Launch) -> PathBuf {
    launch.folder.join("socket")
}
