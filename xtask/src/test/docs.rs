//! The examples in the docs.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, pipe};
use std::path::Path;
use std::process::Stdio;
use std::time::Instant;

use super::report::Row;
use crate::Failure;
use crate::cargo::{Package, cargo_in, selection};

/// Runs those of a workspace, a row for each crate.
pub(super) fn run(workspace: &Path, packages: &[Package]) -> Result<Vec<Row>, Failure> {
    if !packages.iter().any(|package| package.doctested) {
        return Ok(Vec::new());
    }
    let (reader, writer) = pipe()?;
    let mut command = cargo_in(workspace);
    command
        .args(["test", "--doc", "--no-fail-fast"])
        .args(selection(packages, false))
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
            rows.push(Row::of(package.map_or(name, |package| &package.name)));
            began = Instant::now();
        } else if let Some(row) = rows.last_mut() {
            row.read(&line);
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
