//! `cargo xtask test`: every test of the workspace, and one table of what they said.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{self, Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use serde_json::Value;

use crate::Failure;
use crate::cargo::{Package, cargo, output, packages, root, selection};
use crate::servers::{self, Servers};

/// What to test.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Test these crates alone: names without `session-store-` or `session-`, as in `memory,sqlite`, or
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

/// What no test binary needs: the longest runs for four minutes, on a machine with nothing else to do.
const DEADLINE: Duration = Duration::from_secs(15 * 60);

/// How many tests of a crate were ignored, by the reason that they gave.
type Notes = BTreeMap<(String, String), u32>;

/// One test binary.
struct Target {
    package: String,
    folder: PathBuf,
    source: String,
    binary: PathBuf,
}

/// What the tests of one crate said.
#[derive(Default)]
struct Row {
    package: String,
    passed: u32,
    ignored: u32,
    failed: u32,
    time: Duration,
    /// The servers that they ran, as those said themselves.
    servers: BTreeSet<String>,
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
    let selection = selection(&packages, args.containers);
    let mut rows: Vec<Row> = Vec::new();
    let mut notes = Notes::new();
    for target in build(&packages, &selection)? {
        let row = target.run(&servers, &mut notes)?;
        println!(
            "  {:<28} {:<28} {}",
            target.package,
            target.source,
            row.summary()
        );
        add(&mut rows, row);
    }
    // Where servers come from is nothing to them.
    let documented = packages
        .iter()
        .filter(|package| package.doctested && !args.containers);
    for row in doc_examples(&documented.collect::<Vec<_>>(), &selection)? {
        println!(
            "  {:<28} {:<28} {}",
            row.package,
            "examples in the docs",
            row.summary()
        );
        add(&mut rows, row);
    }
    print!("\n{}", table(&rows));
    if !notes.is_empty() {
        println!("\nIgnored, and why:");
        for ((package, reason), count) in &notes {
            println!("{package:<28} {count:>6} {reason}");
        }
    }
    match rows.iter().map(|row| row.failed).sum::<u32>() {
        0 => Ok(()),
        failed => Err(format!("{failed} tests failed; what they said stands above").into()),
    }
}

impl Target {
    /// Runs the tests; what a failing one printed goes to the terminal, what was ignored to `notes`.
    fn run(&self, servers: &Servers, notes: &mut Notes) -> Result<Row, Failure> {
        let began = Instant::now();
        let report = env::temp_dir().join(format!("session-store-report-{}", process::id()));
        // A pipe would have to be read until the last process that has it is gone.
        let output = env::temp_dir().join(format!("session-store-output-{}", process::id()));
        let file = File::create(&output)?;
        let mut run = Command::new(&self.binary)
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
        let mut row = Row {
            package: self.package.clone(),
            time: began.elapsed(),
            servers: take_lines(&report)?,
            ..Row::default()
        };
        for line in text.lines() {
            row.count(line);
            if line.starts_with("test ")
                && let Some((_, reason)) = line.split_once("... ignored")
            {
                let reason = reason.trim_matches([' ', ',', '(', ')']);
                *notes
                    .entry((self.package.clone(), reason.to_owned()))
                    .or_default() += 1;
            }
        }
        if !ended.is_some_and(|status| status.success()) {
            // A binary that died did not print its result, and that must not look like success.
            row.failed = row.failed.max(1);
            println!("{text}");
        }
        if ended.is_none() {
            println!("{}: killed after {DEADLINE:?}", self.binary.display());
        }
        Ok(row)
    }
}

impl Row {
    /// Reads a line `test result: ok. 3 passed; 0 failed; 1 ignored; …`, and passes over any other.
    fn count(&mut self, line: &str) {
        let Some((_, counts)) = line
            .strip_prefix("test result: ")
            .and_then(|rest| rest.split_once(". "))
        else {
            return;
        };
        for count in counts.split("; ") {
            let Some((number, what)) = count.split_once(' ') else {
                continue;
            };
            let number = number.parse().unwrap_or(0);
            match what {
                "passed" => self.passed += number,
                "failed" => self.failed += number,
                "ignored" => self.ignored += number,
                _ => {}
            }
        }
    }

    fn add(&mut self, other: &Self) {
        self.passed += other.passed;
        self.ignored += other.ignored;
        self.failed += other.failed;
        self.time += other.time;
        self.servers.extend(other.servers.iter().cloned());
    }

    fn summary(&self) -> String {
        let verdict = if self.failed == 0 { "ok" } else { "FAILED" };
        format!(
            "{:>4} passed {:>3} failed {:>7.1} s  {verdict}",
            self.passed,
            self.failed,
            self.time.as_secs_f32()
        )
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
    let prefixes = ["session-store-", "session-"];
    names.extend(prefixes.iter().find_map(|prefix| name.strip_prefix(prefix)));
    let group = package.folder.parent().filter(|parent| *parent != root());
    names.extend(group.and_then(Path::file_name).and_then(OsStr::to_str));
    names.into_iter().map(str::to_owned).collect()
}

/// Builds every test binary and says where they are, crate by crate.
fn build(packages: &[Package], selection: &[String]) -> Result<Vec<Target>, Failure> {
    let mut command = cargo();
    command.args([
        "test",
        "--quiet",
        "--no-run",
        "--message-format=json-render-diagnostics",
    ]);
    let built = output(command.args(selection))?;
    let built: Vec<Value> = built
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect();
    let mut targets = Vec::new();
    for package in packages {
        for artifact in built
            .iter()
            .filter(|artifact| artifact["package_id"] == package.id.as_str())
        {
            let test = artifact["profile"]["test"] == true;
            let Some(binary) = artifact["executable"].as_str().filter(|_| test) else {
                continue;
            };
            let source = artifact["target"]["src_path"].as_str().unwrap_or_default();
            let source = source
                .strip_prefix(&*package.folder.to_string_lossy())
                .unwrap_or(source);
            targets.push(Target {
                package: package.name.clone(),
                folder: package.folder.clone(),
                source: source.trim_start_matches('/').to_owned(),
                binary: binary.into(),
            });
        }
    }
    Ok(targets)
}

/// Runs the examples in the docs, a row for each crate.
fn doc_examples(packages: &[&Package], selection: &[String]) -> Result<Vec<Row>, Failure> {
    if packages.is_empty() {
        return Ok(Vec::new());
    }
    let (reader, writer) = std::io::pipe()?;
    let mut command = cargo();
    command
        .args(["test", "--doc", "--no-fail-fast"])
        .args(selection)
        .stdin(Stdio::null());
    // Cargo names the crate on one stream and rustdoc its findings on the other: read them as one.
    let mut run = command.stdout(writer.try_clone()?).stderr(writer).spawn()?;
    drop(command);
    let (mut rows, mut text, mut began) = (Vec::<Row>::new(), String::new(), Instant::now());
    for line in BufReader::new(reader).lines() {
        let line = line?;
        if let Some(name) = line.trim_start().strip_prefix("Doc-tests ") {
            let package = packages
                .iter()
                .find(|package| package.name.replace('-', "_") == name);
            let package = package.map_or(name, |package| &package.name).to_owned();
            rows.push(Row {
                package,
                ..Row::default()
            });
            began = Instant::now();
        } else if let Some(row) = rows.last_mut() {
            row.count(&line);
            row.time = began.elapsed();
        }
        writeln!(text, "{line}")?;
    }
    if !run.wait()?.success() {
        println!("{text}");
        if !rows.iter().any(|row| row.failed > 0) {
            return Err("the examples in the docs could not be built".into());
        }
    }
    Ok(rows)
}

/// How a process ended; none if it was killed because it did not in this time.
fn wait(process: &mut Child, most: Duration) -> Result<Option<ExitStatus>, Failure> {
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

/// Adds what one binary said to the row of its crate.
fn add(rows: &mut Vec<Row>, said: Row) {
    match rows.iter_mut().find(|row| row.package == said.package) {
        Some(row) => row.add(&said),
        None => rows.push(said),
    }
}

fn table(rows: &[Row]) -> String {
    let mut all = Row {
        package: "all".to_owned(),
        ..Row::default()
    };
    rows.iter().for_each(|row| all.add(row));
    all.servers.clear();
    let mut table = format!(
        "{:<28} {:>6} {:>7} {:>8} {:>7} {:>9}  servers\n",
        "crate", "cases", "passed", "ignored", "failed", "time"
    );
    for row in rows.iter().chain([&all]) {
        let cases = row.passed + row.ignored + row.failed;
        let time = row.time.as_secs_f32();
        let servers = Vec::from_iter(row.servers.iter().map(String::as_str)).join(", ");
        let Row {
            package,
            passed,
            ignored,
            failed,
            ..
        } = row;
        let line = format!(
            "{package:<28} {cases:>6} {passed:>7} {ignored:>8} {failed:>7} {time:>7.1} s  {servers}"
        );
        table.push_str(line.trim_end());
        table.push('\n');
    }
    table
}

/// The lines of a file, which is removed; none if there is no file.
fn take_lines(path: &Path) -> Result<BTreeSet<String>, Failure> {
    if !path.exists() {
        return Ok(BTreeSet::new());
    }
    let text = fs::read_to_string(path)?;
    fs::remove_file(path)?;
    Ok(text.lines().map(str::to_owned).collect())
}
