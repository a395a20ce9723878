//! `cargo xtask tidy`: invariants that are absences, which no compiler checks.

use std::fs;
use std::path::{Path, PathBuf};

use crate::Failure;
use crate::cargo::{Dependency, Package, cargo, output, packages, root};

/// The longest source file. A longer one wants to be two.
const LINES: usize = 600;

/// What no store may know: HTTP, middleware, the layer, the facade.
const NOT_FOR_STORES: &[&str] = &[
    "http",
    "hyper",
    "tower",
    "axum",
    "session-layer",
    "session-store",
];

pub(crate) fn run() -> Result<(), Failure> {
    let packages = packages()?;
    let mut faults = Vec::new();
    for package in &packages {
        dependencies(package, &mut faults);
        files(package, &mut faults)?;
    }
    features_stay_apart(&mut faults)?;
    sources(root(), &mut faults)?;
    documents(&mut faults)?;
    for fault in &faults {
        println!("{fault}");
    }
    match faults.len() {
        0 => Ok(()),
        count => Err(format!("{count} things to tidy").into()),
    }
}

/// Who may know whom.
fn dependencies(package: &Package, faults: &mut Vec<String>) {
    let normal = || {
        package
            .dependencies
            .iter()
            .filter(|dependency| dependency.normal)
    };
    let mut forbid = |bad: &dyn Fn(&Dependency) -> bool, why: &str| {
        for dependency in normal().filter(|dependency| bad(dependency)) {
            faults.push(format!(
                "{} depends on {}: {why}",
                package.name, dependency.name
            ));
        }
    };
    match package.name.as_str() {
        "session-store-api" => forbid(
            &|dependency| !dependency.optional && dependency.name != "async-trait",
            "at run time the contract depends on async-trait alone",
        ),
        "session-store-batch" => forbid(
            &|dependency| dependency.name != "tokio",
            "batching needs tokio alone",
        ),
        "session-store-conformance" => forbid(&knows_a_store, "the suite knows no store"),
        "session-layer" => forbid(&knows_a_store, "the layer knows no store"),
        _ if is_store(package) => {
            forbid(&knows_a_store, "a store knows no other store");
            forbid(
                &|dependency| NOT_FOR_STORES.iter().any(|name| dependency.name == *name),
                "a store knows no HTTP and no application",
            );
        }
        _ => {}
    }
}

/// The files that every crate, and every store, has.
fn files(package: &Package, faults: &mut Vec<String>) -> Result<(), Failure> {
    let manifest = fs::read_to_string(package.folder.join("Cargo.toml"))?;
    let has_lints = if package.workspace == root() {
        manifest.contains("[lints]\nworkspace = true")
    } else {
        lints()?.iter().all(|table| manifest.contains(table))
    };
    if !has_lints {
        faults.push(format!("{}: Cargo.toml lacks the lints", package.name));
    }
    let mut expected = Vec::new();
    if package.published {
        expected.extend(["README.md", "CHANGELOG.md"]);
    }
    if is_store(package) {
        expected.extend(["src/lib.rs", "src/store.rs", "src/error.rs"]);
        let tests = package.folder.join("tests");
        if !["conformance.rs", "conformance/main.rs"]
            .iter()
            .any(|file| tests.join(file).is_file())
        {
            faults.push(format!("{}: the test conformance is missing", package.name));
        }
    }
    for file in expected {
        if !package.folder.join(file).is_file() {
            faults.push(format!("{}: {file} is missing", package.name));
        }
    }
    let lib = fs::read_to_string(package.folder.join("src/lib.rs")).unwrap_or_default();
    if package.published && !lib.is_empty() && !lib.contains("include_str!(\"../README.md\")") {
        faults.push(format!(
            "{}: README.md is not the crate's documentation",
            package.name
        ));
    }
    Ok(())
}

/// The lints of the main workspace, as a package of another must repeat them: a table for each tool.
fn lints() -> Result<Vec<String>, Failure> {
    let manifest = fs::read_to_string(root().join("Cargo.toml"))?;
    let tables = manifest.split("\n\n").map(str::trim_end);
    let lints = tables.filter_map(|table| table.strip_prefix("[workspace.lints."));
    Ok(lints.map(|table| format!("[lints.{table}")).collect())
}

/// A backend that was not asked for is not compiled.
fn features_stay_apart(faults: &mut Vec<String>) -> Result<(), Failure> {
    const STORES: [&str; 7] = [
        "memory",
        "sqlite",
        "redis",
        "postgres",
        "mysql",
        "memcached",
        "mongodb",
    ];
    for features in STORES.into_iter().chain([""]) {
        let tree = [
            "tree",
            "--package=session-store",
            "--edges=normal",
            "--prefix=none",
            "--no-default-features",
        ];
        let tree = output(cargo().args(tree).args(["--features", features]))?;
        for store in STORES {
            let line = format!("session-store-{store} ");
            let is_there = tree.lines().any(|compiled| compiled.starts_with(&line));
            if is_there != (features == store) {
                let does = if is_there { "compiles" } else { "does without" };
                faults.push(format!(
                    "session-store with features {features:?} {does} {store}"
                ));
            }
        }
    }
    Ok(())
}

/// Rules for every Rust file.
fn sources(folder: &Path, faults: &mut Vec<String>) -> Result<(), Failure> {
    for path in listed(folder)? {
        if path.extension().is_none_or(|extension| extension != "rs") {
            continue;
        }
        let shown = path
            .strip_prefix(root())
            .unwrap_or(&path)
            .display()
            .to_string();
        let text = fs::read_to_string(&path)?;
        if path.file_name().is_some_and(|name| name == "mod.rs") {
            faults.push(format!(
                "{shown}: a module is foo.rs beside foo/, never mod.rs"
            ));
        }
        if text.lines().count() > LINES {
            faults.push(format!(
                "{shown}: {} lines; over {LINES} a file wants to be two",
                text.lines().count()
            ));
        }
        if shown.starts_with("stores/") && shown.contains("/src/") && text.contains("tokio::spawn")
        {
            faults.push(format!(
                "{shown}: a store starts no task; batches run in store-batch"
            ));
        }
    }
    Ok(())
}

/// Links between documents lead somewhere, and the README's test command is the one that CI runs.
fn documents(faults: &mut Vec<String>) -> Result<(), Failure> {
    for path in listed(root())?
        .into_iter()
        .filter(|path| path.extension().is_some_and(|e| e == "md"))
    {
        let text = fs::read_to_string(&path)?;
        for link in text
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split([')', '#']).next())
        {
            let local =
                !link.is_empty() && !link.contains([':', '@', '(']) && link.contains(['.', '/']);
            if local
                && !path
                    .parent()
                    .is_some_and(|folder| folder.join(link).exists())
            {
                faults.push(format!(
                    "{}: the link to {link} leads nowhere",
                    path.display()
                ));
            }
        }
    }
    let test = "cargo xtask test";
    for file in ["README.md", ".ci/run"] {
        if !fs::read_to_string(root().join(file))?.contains(test) {
            faults.push(format!("{file}: does not run `{test}`"));
        }
    }
    Ok(())
}

/// The files below a folder that git keeps or would keep.
fn listed(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let mut git = std::process::Command::new("git");
    git.current_dir(folder)
        .args(["ls-files", "--cached", "--others", "--exclude-standard"]);
    let files = output(&mut git)?
        .lines()
        .map(|file| folder.join(file))
        .collect::<Vec<_>>();
    Ok(files.into_iter().filter(|file| file.is_file()).collect())
}

fn is_store(package: &Package) -> bool {
    package
        .folder
        .parent()
        .is_some_and(|parent| parent.ends_with("stores"))
}

fn knows_a_store(dependency: &Dependency) -> bool {
    let stores = [
        "memory",
        "sqlite",
        "postgres",
        "mysql",
        "redis",
        "memcached",
        "mongodb",
    ];
    stores
        .iter()
        .any(|store| dependency.name == format!("session-store-{store}"))
}
