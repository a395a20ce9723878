//! How MySQL and MariaDB are started and asked.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{fs, io};

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::net::{TcpStream, UnixStream};

use crate::builder::{Settings, Tls};
use crate::engine::Launch;
use crate::tls::Certificates;
use crate::{Kind, program, template, url};

/// Who a client is.
const USER: &str = "root";

/// The name of its database.
const DATABASE: &str = "sessions";

/// MariaDB puts this before its version: clients of old wanted a 5 there.
const PREFIX: &str = "5.5.5-";

/// Small files, as they are copied for each server, and nothing beside the tables. Each of the two passes
/// over what only the other one knows.
const OPTIONS: [&str; 6] = [
    "--loose-innodb-log-file-size=16M",
    "--innodb-autoextend-increment=1",
    "--performance-schema=OFF",
    "--loose-mysqlx=OFF",
    "--skip-log-bin",
    // MySQL would look for a folder of its package.
    "--secure-file-priv=",
];

/// Makes the system's own tables, and says who may come in.
pub(crate) fn prepare(launch: &Launch, settings: &Settings, program: &Path) -> io::Result<()> {
    let mut install = if is_mariadb(program)? {
        let mut install = Command::new(program::beside(program, "mariadb-install-db")?);
        install.args(["--no-defaults", "--skip-test-db"]);
        install
    } else {
        let mut install = Command::new(program);
        install.args(["--no-defaults", "--initialize-insecure"]);
        install.arg("--innodb-redo-log-capacity=16M");
        install
    };
    install.args(OPTIONS);
    template::fill(launch, &data(launch), &mut install, "--datadir=")?;
    let password = settings.password.as_deref().unwrap_or_default();
    let password = password.replace('\\', "\\\\").replace('\'', "\\'");
    let certificate = match settings.tls {
        Tls::None | Tls::Server => "",
        Tls::Mutual => " REQUIRE X509",
    };
    let statements = [
        format!("CREATE DATABASE IF NOT EXISTS {DATABASE};"),
        format!("CREATE USER IF NOT EXISTS {USER}@'%' IDENTIFIED BY '{password}'{certificate};"),
        format!("GRANT ALL ON *.* TO {USER}@'%' WITH GRANT OPTION;"),
    ];
    fs::write(first_statements(launch), statements.join("\n"))
}

/// The command line of a server.
pub(crate) fn args(launch: &Launch, settings: &Settings) -> Vec<String> {
    let option = |name: &str, value: PathBuf| format!("--{name}={}", value.display());
    let mut args = Vec::new();
    if !launch.contained {
        args.extend([
            // First, or not at all.
            "--no-defaults".to_owned(),
            option("datadir", data(launch)),
            option("socket", socket(launch)),
            option("pid-file", launch.folder.join("pid")),
            // In one that is shared, each server that starts removes what it takes for leftovers.
            option("tmpdir", launch.folder.clone()),
            option("init-file", first_statements(launch)),
            "--bind-address=127.0.0.1".to_owned(),
        ]);
        args.extend(OPTIONS.map(str::to_owned));
        // With a small log MySQL stands still for seconds where the disk is busy.
        args.push("--loose-innodb-redo-log-capacity=128M".to_owned());
    }
    args.push(format!("--port={}", launch.port));
    // It would close its door to an address from which too many connections break.
    args.push("--skip-name-resolve".to_owned());
    if let Some(certificates) = &launch.certificates {
        args.extend([
            "--require-secure-transport=ON".to_owned(),
            option("ssl-ca", certificates.authority()),
            option("ssl-cert", certificates.server()),
            option("ssl-key", certificates.server_key()),
        ]);
    }
    if !settings.durable {
        args.push("--innodb-flush-log-at-trx-commit=0".to_owned());
    }
    args.extend(settings.args.iter().cloned());
    args
}

/// What the official image is told in its environment.
#[cfg(feature = "containers")]
pub(crate) fn env(settings: &Settings) -> Vec<(String, String)> {
    let password = match &settings.password {
        Some(password) => ("MYSQL_ROOT_PASSWORD".to_owned(), password.clone()),
        None => ("MYSQL_ALLOW_EMPTY_PASSWORD".to_owned(), "yes".to_owned()),
    };
    let database = ("MYSQL_DATABASE".to_owned(), DATABASE.to_owned());
    vec![password, database]
}

/// Where a client finds it.
pub(crate) fn url(
    launch: &Launch,
    settings: &Settings,
    certificates: Option<&Certificates>,
) -> String {
    let mut parameters = Vec::new();
    if let Some(certificates) = certificates {
        parameters.push(("ssl-mode", "VERIFY_IDENTITY".into()));
        parameters.push(("ssl-ca", certificates.authority()));
        if settings.tls == Tls::Mutual {
            parameters.push(("ssl-cert", certificates.client()));
            parameters.push(("ssl-key", certificates.client_key()));
        }
    }
    let user = url::user(USER, settings.password.as_deref());
    let query = url::query(&parameters);
    format!("mysql://{user}127.0.0.1:{}/{DATABASE}{query}", launch.port)
}

/// The version of a server that we started. It is asked through its socket, which no other server has.
/// To a container only ports lead.
pub(crate) async fn probe(launch: &Launch) -> io::Result<String> {
    if launch.contained {
        return probe_address(&format!("127.0.0.1:{}", launch.port)).await;
    }
    greeting(UnixStream::connect(socket(launch)).await?).await
}

/// The version of a server that somebody else started.
pub(crate) async fn probe_url(url: &str) -> io::Result<String> {
    probe_address(&url::address(Kind::MySql, url)).await
}

async fn probe_address(address: &str) -> io::Result<String> {
    greeting(TcpStream::connect(address).await?).await
}

/// The version that a server says to everybody who connects, before it asks who that is.
async fn greeting(mut stream: impl AsyncRead + Unpin) -> io::Result<String> {
    // Three bytes of length, a number, and which greeting it is.
    let mut head = [0; 5];
    stream.read_exact(&mut head).await?;
    let length = usize::from(head[0]) + (usize::from(head[1]) << 8);
    let mut body = vec![0; length.saturating_sub(1)];
    stream.read_exact(&mut body).await?;
    match head[4] {
        10 => {
            let version = body.split(|byte| *byte == 0).next().unwrap_or_default();
            let version = String::from_utf8_lossy(version);
            let version = version.strip_prefix(PREFIX).unwrap_or(&version);
            // What the distribution calls it follows.
            let version = version.split("-0+").next().unwrap_or_default();
            Ok(version.to_owned())
        }
        // Its number, then its words.
        0xff => Err(io::Error::other(
            String::from_utf8_lossy(body.get(2..).unwrap_or_default()).into_owned(),
        )),
        _ => Err(Kind::MySql.no_answer()),
    }
}

/// Where MariaDB is called `mysqld` too, that name leads to the other one.
fn is_mariadb(program: &Path) -> io::Result<bool> {
    let program = program.canonicalize()?;
    Ok(program.file_name().is_some_and(|name| name == "mariadbd"))
}

fn data(launch: &Launch) -> PathBuf {
    launch.folder.join("data")
}

fn socket(launch: &Launch) -> PathBuf {
    launch.folder.join("socket")
}

fn first_statements(launch: &Launch) -> PathBuf {
    launch.folder.join("first.sql")
}
