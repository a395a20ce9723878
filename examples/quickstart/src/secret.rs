//! The secret that seals the cookies, and where it is kept between two runs.

use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Write};
#[cfg(unix)]
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use session_layer::Keys;

/// The secret that was given, or else the one in `file`, which is made up on the first start.
///
/// The file is a convenience of development. In production the secret comes from where secrets are
/// kept, and every process has the same.
pub(crate) fn keys(given: Option<&str>, file: &Path) -> Result<Keys, String> {
    match given {
        Some(secret) => {
            Keys::new(secret).map_err(|error| format!("--secret or SESSION_SECRET: {error}"))
        }
        None => {
            let secret = read_or_create(file)
                .map_err(|error| format!("--key-file {}: {error}", file.display()))?;
            Keys::new(secret.trim())
                .map_err(|error| format!("--key-file {}: {error}", file.display()))
        }
    }
}

fn read_or_create(file: &Path) -> io::Result<String> {
    match create(file) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => fs::read_to_string(file),
        created => created,
    }
}

/// Writes a new secret into a file that only its owner can read.
fn create(file: &Path) -> io::Result<String> {
    let mut random = [0; 32];
    getrandom::fill(&mut random).map_err(|error| io::Error::other(error.to_string()))?;
    let secret: String = random.iter().map(|byte| format!("{byte:02x}")).collect();

    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    options.mode(0o600);
    writeln!(options.open(file)?, "{secret}")?;
    Ok(secret)
}
