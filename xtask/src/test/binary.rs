//! Test binaries: building them, and running them.

use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{self, Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use serde_json::Value;

use super::report::Row;
use crate::Failure;
use crate::cargo::{Package, cargo_in, output, selection};
use crate::servers::Servers;

/// What no test binary needs: the longest runs for four minutes, on a machine with nothing else to do.
const DEADLINE: Duration = Duration::from_secs(15 * 60);

/// One test binary.
pub(super) struct Binary {
    package: String,
    folder: PathBuf,
    /// The file that it is built of, as seen from the folder.
    pub(super) source: String,
    path: PathBuf,
}

/// Builds all of a workspace and says where they are, crate by crate.
pub(super) fn build(
    workspace: &Path,
    packages: &[Package],
    containers: bool,
) -> Result<Vec<Binary>, Failure> {
    let mut command = cargo_in(workspace);
    command.args([
        "test",
        "--quiet",
        "--no-run",
        "--message-format=json-render-diagnostics",
    ]);
    let built = output(command.args(selection(packages, containers)))?;
    let built: Vec<Value> = built
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect();
    let mut binaries = Vec::new();
    for package in packages {
        for artifact in built
            .iter()
            .filter(|artifact| artifact["package_id"] == package.id.as_str())
        {
            let test = artifact["profile"]["test"] == true;
            let Some(path) = artifact["executable"].as_str().filter(|_| test) else {
                continue;
            };
            let source = artifact["target"]["src_path"].as_str().unwrap_or_default();
            let source = source
                .strip_prefix(&*package.folder.to_string_lossy())
                .unwrap_or(source);
            binaries.push(Binary {
                package: package.name.clone(),
                folder: package.folder.clone(),
                source: source.trim_start_matches('/').to_owned(),
                path: path.into(),
            });
        }
    }
    Ok(binaries)
}

impl Binary {
    /// Runs the tests; what a failing one printed goes to the terminal.
    pub(super) fn run(&self, servers: &Servers) -> io::Result<Row> {
        let began = Instant::now();
        let scratch =
            |what| env::temp_dir().join(format!("session-store-{what}-{}", process::id()));
        let report = scratch("report");
        // A pipe would have to be read until the last process that has it is gone.
        let output = scratch("output");
        let file = File::create(&output)?;
        let mut run = Command::new(&self.path)
            .current_dir(&self.folder)
            .env("CARGO_MANIFEST_DIR", &self.folder)
            .env("SESSION_STORE_REQUIRE", "1")
            .env("SESSION_STORE_REPORT", &report)
            .envs(servers.variables())
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file)
            .spawn()?;
        let ended = wait(&mut run, DEADLINE)?;
        let text = String::from_utf8_lossy(&fs::read(&output)?).into_owned();
        fs::remove_file(output)?;
        let mut row = Row::of(&self.package);
        row.time = began.elapsed();
        row.servers = take_lines(&report)?;
        text.lines().for_each(|line| row.read(line));
        if !ended.is_some_and(|status| status.success()) {
            // A binary that died did not print its result, and that must not look like success.
            row.failed = row.failed.max(1);
            println!("{text}");
        }
        if ended.is_none() {
            println!("{}: killed after {DEADLINE:?}", self.path.display());
        }
        Ok(row)
    }
}

/// How a process ended; none if it was killed because it did not in this time.
fn wait(process: &mut Child, most: Duration) -> io::Result<Option<ExitStatus>> {
    let began = Instant::now();
    loop {
        if let Some(status) = process.try_wait()? {
            return Ok(Some(status));
        }
        if began.elapsed() > most {
            process.kill()?;
            process.wait()?;
            return Ok(None);
        }
        thread::sleep(Duration::from_millis(10));
    }
}

/// The lines of a file, which is removed; none if there is no file.
fn take_lines(path: &Path) -> io::Result<BTreeSet<String>> {
    if !path.exists() {
        return Ok(BTreeSet::new());
    }
    let text = fs::read_to_string(path)?;
    fs::remove_file(path)?;
    Ok(text.lines().map(str::to_owned).collect())
}
