//! The browser that tests drive, and what drives it.

use super::{debian, find};
use crate::Failure;

/// The package whose tests want them.
pub(crate) const PACKAGE: &str = "browser";

/// The programs, each with the package of Debian that holds it.
const PROGRAMS: &[(&str, &str)] = &[
    ("chromium", "chromium"),
    ("chromedriver", "chromium-driver"),
];

/// Installs what is missing. A second run does nothing.
///
/// # Errors
///
/// If that cannot be done here without asking.
pub(crate) fn ensure() -> Result<(), Failure> {
    let missing = PROGRAMS
        .iter()
        .filter(|(program, _)| find(program).is_none());
    let packages: Vec<_> = missing.map(|(_, package)| *package).collect();
    if packages.is_empty() {
        return Ok(());
    }
    debian::ensure(&packages, "leave these tests out with `--only`")
}
