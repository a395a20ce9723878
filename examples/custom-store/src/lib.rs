//! A session store of one's own: sessions in files.
//!
//! It has the three methods that every store has and keeps the whole contract, as
//! `tests/conformance.rs` proves. Copy it to begin your own.

use std::fs::{self, File};
use std::io::{self, ErrorKind as IoErrorKind, Read, Write};
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use session_store_api::{Error, ErrorKind, MaxAge, Result, SessionKey, SessionStore, async_trait};
use tempfile::NamedTempFile;

/// Sessions in a folder, one file for each.
///
/// A file holds the moment at which its session ends, as nanoseconds since 1970 in 16 bytes, and then
/// the value. It is written beside its place and renamed into it, so a reader sees the old record or the
/// new one, whole, also if the process dies; to survive a power cut it would have to be synced first.
///
/// Files are read and written on the thread of the caller. That takes microseconds on a local disk, and
/// a call without an await cannot be cancelled half-way. On a disk that may hang, move the work to
/// `spawn_blocking`, and keep a lock on the key until it has ended: a cancelled `set` must not overtake
/// a later one.
///
/// Nobody sweeps: a session that has ended is never read again, but its file stays until its key is
/// written or destroyed.
#[derive(Clone, Debug)]
pub struct FileStore {
    folder: PathBuf,
    session_max_age: Duration,
}

impl FileStore {
    /// Opens a store in `folder`, which is made if it is missing. Nothing else may lie there.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] if the folder cannot be made.
    pub fn open(folder: impl Into<PathBuf>) -> Result<Self> {
        let folder = folder.into();
        fs::create_dir_all(&folder)
            .map_err(|error| failed(ErrorKind::Config, "cannot make the folder", error))?;
        Ok(Self {
            folder,
            session_max_age: MaxAge::DEFAULT_SESSION,
        })
    }

    /// Sets what [`MaxAge::Session`] means. 24 hours unless set.
    #[must_use]
    pub fn with_session_max_age(mut self, session_max_age: Duration) -> Self {
        self.session_max_age = session_max_age;
        self
    }

    /// Where the record of `key` lies.
    ///
    /// In hexadecimal, since file systems may ignore case, and give `/` and `..` a meaning. The longest
    /// key has 400 digits and a file name at most 255 bytes, so long keys lie in folders, whose names
    /// no shorter key can have.
    fn path(&self, key: &SessionKey) -> PathBuf {
        let digits: String = key.as_bytes().iter().map(|b| format!("{b:02x}")).collect();
        match digits.split_at_checked(240) {
            Some((head, tail)) if !tail.is_empty() => {
                self.folder.join(format!("{head}-long")).join(tail)
            }
            _ => self.folder.join(digits),
        }
    }

    fn write(&self, key: &SessionKey, value: &[u8], ends: Duration) -> io::Result<()> {
        let path = self.path(key);
        let mut file = NamedTempFile::new_in(&self.folder)?;
        file.write_all(&ends.as_nanos().to_be_bytes())?;
        file.write_all(value)?;
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        file.persist(path)?;
        Ok(())
    }
}

#[async_trait]
impl SessionStore for FileStore {
    async fn get(&self, key: &SessionKey) -> Result<Option<Vec<u8>>> {
        let mut file = match File::open(self.path(key)) {
            Err(error) if error.kind() == IoErrorKind::NotFound => return Ok(None),
            opened => opened.map_err(|error| unavailable("cannot open the file", error))?,
        };
        let (mut ends, mut value) = ([0; 16], Vec::new());
        file.read_exact(&mut ends)
            .and_then(|()| file.read_to_end(&mut value))
            .map_err(|error| match error.kind() {
                IoErrorKind::UnexpectedEof => {
                    failed(ErrorKind::Corrupt, "a file is too short", error)
                }
                _ => unavailable("cannot read the file", error),
            })?;
        let live = now().as_nanos() < u128::from_be_bytes(ends);
        Ok(live.then_some(value))
    }

    async fn set(&self, key: &SessionKey, value: &[u8], max_age: MaxAge) -> Result<()> {
        let life = max_age.to_duration(self.session_max_age);
        self.write(key, value, now().saturating_add(life))
            .map_err(|error| unavailable("cannot write the file", error))
    }

    async fn destroy(&self, key: &SessionKey) -> Result<()> {
        match fs::remove_file(self.path(key)) {
            Err(error) if error.kind() != IoErrorKind::NotFound => {
                Err(unavailable("cannot remove the file", error))
            }
            _ => Ok(()),
        }
    }
}

/// The time since 1970, by the clock of this machine. Not the monotonic one: records outlive the process.
fn now() -> Duration {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
}

fn unavailable(what: &'static str, error: io::Error) -> Error {
    failed(ErrorKind::Unavailable, what, error)
}

fn failed(kind: ErrorKind, what: &'static str, error: io::Error) -> Error {
    Error::new(kind, "file", what).with_source(error)
}
