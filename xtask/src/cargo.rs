//! Asking cargo.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::Failure;

/// The workspaces whose packages are tested and checked, by folder. `benches` is another, and measures.
const WORKSPACES: &[&str] = &["", "adapters/pavex-session"];

/// A package, as `cargo metadata` describes it.
pub(crate) struct Package {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) folder: PathBuf,
    /// The folder of the workspace that it is in.
    pub(crate) workspace: PathBuf,
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

/// `cargo`, in the main workspace.
pub(crate) fn cargo() -> Command {
    cargo_in(root())
}

/// `cargo`, in the workspace of this folder.
pub(crate) fn cargo_in(workspace: &Path) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(workspace);
    command
}

/// The root of the main workspace, and of the repository.
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

/// The packages of all workspaces, one workspace after the other.
pub(crate) fn packages() -> Result<Vec<Package>, Failure> {
    let mut packages = Vec::new();
    for workspace in WORKSPACES {
        let workspace = root().join(workspace);
        let metadata = ["metadata", "--format-version=1", "--no-deps"];
        let metadata = output(cargo_in(&workspace).args(metadata))?;
        let metadata: Value = serde_json::from_str(&metadata)?;
        let described = list(&metadata["packages"]).iter();
        packages.extend(described.map(|described| package(described, &workspace)));
    }
    Ok(packages)
}

/// Some of the packages, each workspace's with its folder: cargo builds for one at a time.
pub(crate) fn workspaces(packages: &[Package]) -> impl Iterator<Item = (&Path, &[Package])> {
    packages
        .chunk_by(|one, next| one.workspace == next.workspace)
        .map(|packages| (packages[0].workspace.as_path(), packages))
}

/// The crate through which tests get their servers.
pub(crate) const SERVERS: &str = "test-servers";

/// The feature of it that builds a client of container engines, which costs minutes.
pub(crate) const CONTAINERS: &str = "containers";

/// Arguments that choose these packages of one workspace with all that they can do, but for what needs a container
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

fn package(package: &Value, workspace: &Path) -> Package {
    let manifest = PathBuf::from(text(&package["manifest_path"]));
    let features = package["features"].as_object().into_iter().flatten();
    Package {
        id: text(&package["id"]),
        name: text(&package["name"]),
        folder: manifest.parent().map(Path::to_owned).unwrap_or_default(),
        workspace: workspace.to_owned(),
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
