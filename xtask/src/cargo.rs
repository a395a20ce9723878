//! Asking cargo.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::Failure;

/// A package of the workspace, as `cargo metadata` describes it.
pub(crate) struct Package {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) folder: PathBuf,
    pub(crate) published: bool,
    /// Whether its docs have examples that can be run: those of a library.
    pub(crate) doctested: bool,
    pub(crate) features: Vec<String>,
    pub(crate) dependencies: Vec<Dependency>,
}

/// A line of a package's manifest that names another package.
pub(crate) struct Dependency {
    pub(crate) name: String,
    /// Neither for tests nor for build scripts.
    pub(crate) normal: bool,
    pub(crate) optional: bool,
}

/// `cargo`, at the root of the workspace.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root());
    command
}

/// The root of the workspace.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("xtask stands in the workspace")
}

/// Runs a command whose output goes to the terminal, and fails if it fails.
pub(crate) fn run(command: &mut Command) -> Result<(), Failure> {
    let status = command.status()?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("{} failed ({status})", shown(command)).into())
    }
}

/// Runs a command and answers what it printed on standard output.
pub(crate) fn output(command: &mut Command) -> Result<String, Failure> {
    let output = command
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()?;
    if !output.status.success() {
        return Err(format!("{} failed ({})", shown(command), output.status).into());
    }
    Ok(String::from_utf8(output.stdout)?)
}

/// The packages of the workspace.
pub(crate) fn packages() -> Result<Vec<Package>, Failure> {
    let metadata = output(cargo().args(["metadata", "--format-version=1", "--no-deps"]))?;
    let metadata: Value = serde_json::from_str(&metadata)?;
    let packages = list(&metadata["packages"]).iter().map(package).collect();
    Ok(packages)
}

/// The crate through which tests get their servers.
pub(crate) const SERVERS: &str = "test-servers";

/// The feature of it that builds a client of container engines, which costs minutes.
pub(crate) const CONTAINERS: &str = "containers";

/// Arguments that choose these packages with all that they can do, but for what needs a container
/// engine unless it is wanted.
pub(crate) fn selection(packages: &[Package], containers: bool) -> Vec<String> {
    let mut args = Vec::new();
    for package in packages {
        args.extend(["--package".to_owned(), package.name.clone()]);
        let wanted = |feature: &&String| containers || *feature != CONTAINERS;
        for feature in package.features.iter().filter(wanted) {
            args.extend([
                "--features".to_owned(),
                format!("{}/{feature}", package.name),
            ]);
        }
    }
    let with_servers = |package: &Package| {
        let mut dependencies = package.dependencies.iter();
        dependencies.any(|dependency| dependency.name == SERVERS)
    };
    if containers && packages.iter().any(with_servers) {
        args.extend(["--features".to_owned(), format!("{SERVERS}/{CONTAINERS}")]);
    }
    args
}

fn package(package: &Value) -> Package {
    let manifest = PathBuf::from(text(&package["manifest_path"]));
    let features = package["features"].as_object().into_iter().flatten();
    Package {
        id: text(&package["id"]),
        name: text(&package["name"]),
        folder: manifest.parent().map(Path::to_owned).unwrap_or_default(),
        doctested: list(&package["targets"])
            .iter()
            .any(|target| target["doctest"] == true),
        published: package["publish"].is_null(),
        features: features.map(|(name, _)| name.clone()).collect(),
        dependencies: list(&package["dependencies"])
            .iter()
            .map(dependency)
            .collect(),
    }
}

fn dependency(dependency: &Value) -> Dependency {
    Dependency {
        name: text(&dependency["name"]),
        normal: dependency["kind"].is_null(),
        optional: dependency["optional"] == true,
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn shown(command: &Command) -> String {
    let args = command
        .get_args()
        .map(|arg| arg.to_string_lossy().into_owned());
    format!("cargo {}", args.collect::<Vec<_>>().join(" "))
}
