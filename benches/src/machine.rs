//! The machine that was measured on.

use std::env::consts::{ARCH, OS};
use std::fs;
use std::process::Command;
use std::thread;

use time::OffsetDateTime;

/// In one paragraph: when, on what, and how busy it was already.
pub fn describe() -> String {
    let cpus = thread::available_parallelism().map_or(1, usize::from);
    let model = line("/proc/cpuinfo", "model name").unwrap_or_else(|| ARCH.to_owned());
    let memory = line("/proc/meminfo", "MemTotal")
        .and_then(|total| total.strip_suffix(" kB")?.parse::<u64>().ok())
        .map_or(String::new(), |total| {
            format!(", {} GiB of memory", (total + (1 << 19)) >> 20)
        });
    let system = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().unwrap_or_default();
    format!(
        "{date}; {cpus} × {model}{memory}; {OS} {system}; {rustc}; load before the run {load}.",
        date = OffsetDateTime::now_utc().date(),
        system = system.trim(),
        rustc = rustc(),
    )
}

/// What such a file says of `name`.
fn line(file: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

fn rustc() -> String {
    let version = Command::new("rustc").arg("--version").output();
    let version = version.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    version.unwrap_or_else(|_| "rustc unknown".to_owned())
}
