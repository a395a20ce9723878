//! `cargo xtask test`: every test of the repository, and one table of what they said.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::Path;

use crate::Failure;
use crate::cargo::{Package, packages, root, workspaces};
use crate::servers::{self, Servers};
use crate::test::report::Row;

mod binary;
mod docs;
mod report;

/// What to test.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Test these crates alone: names without `session-store-` and the like, as in `memory,sqlite`, or
    /// the folder of several, as in `stores`.
    #[arg(long, value_delimiter = ',', value_name = "CRATE,…")]
    only: Vec<String>,
    /// Test only what needs no server: seconds, once it is built.
    #[arg(long, conflicts_with = "containers")]
    embedded: bool,
    /// Take servers from official images, through a container engine, instead of installed programs.
    #[arg(long)]
    containers: bool,
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let packages = packages()?;
    let networked = servers::needed_by(&packages);
    let is_networked = |package: &Package| networked.contains(&package.name);
    let mut packages = chosen(packages, &args.only)?;
    packages.retain(|package| !(args.embedded && is_networked(package)));
    let names = packages.iter().filter(|package| is_networked(package));
    let names: Vec<_> = names.map(|package| package.name.as_str()).collect();
    let servers = Servers::ready(&names, args.containers)?;
    println!("Building the tests of {} crates …", packages.len());
    let mut binaries = Vec::new();
    for (workspace, packages) in workspaces(&packages) {
        binaries.extend(binary::build(workspace, packages, args.containers)?);
    }
    let mut rows = Vec::new();
    for binary in &binaries {
        let row = binary.run(&servers)?;
        row.print(&binary.source);
        add(&mut rows, row);
    }
    // Where servers come from is nothing to them.
    if !args.containers {
        for (workspace, packages) in workspaces(&packages) {
            for row in docs::run(workspace, packages)? {
                row.print("examples in the docs");
                add(&mut rows, row);
            }
        }
    }
    report::print(&rows);
    match rows.iter().map(|row| row.failed).sum::<u32>() {
        0 => Ok(()),
        failed => Err(format!("{failed} tests failed; what they said stands above").into()),
    }
}

/// The packages that `only` names; all if it names none.
fn chosen(packages: Vec<Package>, only: &[String]) -> Result<Vec<Package>, Failure> {
    let is_known = |name: &&String| packages.iter().any(|package| names(package).contains(name));
    if let Some(name) = only.iter().find(|name| !is_known(name)) {
        let known: BTreeSet<_> = packages.iter().flat_map(names).collect();
        let known = Vec::from_iter(known).join(", ");
        return Err(format!("--only {name}: there is no such crate; there are {known}").into());
    }
    let is_chosen = |package: &Package| {
        let names = names(package);
        only.is_empty() || only.iter().any(|name| names.contains(name))
    };
    Ok(packages.into_iter().filter(is_chosen).collect())
}

/// What a package may be called: its name, that without ours before it, and, with its neighbours, the
/// folder that they are in.
fn names(package: &Package) -> Vec<String> {
    let name = package.name.as_str();
    let mut names = vec![name];
    let prefixes = ["session-store-for-", "session-store-", "session-"];
    names.extend(prefixes.iter().find_map(|prefix| name.strip_prefix(prefix)));
    let group = package.folder.parent().filter(|parent| *parent != root());
    names.extend(group.and_then(Path::file_name).and_then(OsStr::to_str));
    names.into_iter().map(str::to_owned).collect()
}

/// Adds what some tests said to the row of their crate.
fn add(rows: &mut Vec<Row>, said: Row) {
    match rows.iter_mut().find(|row| row.package == said.package) {
        Some(row) => row.add(&said),
        None => rows.push(said),
    }
}
