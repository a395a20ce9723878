//! What is in an image that is made here: a server, what it reads and loads, and nothing else.

use std::collections::hash_map::DefaultHasher;
use std::fs::{self, Permissions};
use std::hash::{Hash, Hasher};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::super::{find, quietly};
use crate::Failure;

/// The user that servers run as which refuse to run as root.
const USER: u32 = 999;

/// The shell, for servers that must be prepared before they start.
const SHELL: &str = "/bin/sh";

/// Where the script is that prepares one, as in the official images.
const ENTRY: &str = "usr/local/bin/docker-entrypoint.sh";

/// The time zones that a server may be asked for.
const ZONES: &str = "/usr/share/zoneinfo";

/// How to make an image of a server.
#[derive(Hash)]
pub(super) struct Recipe {
    kind: &'static str,
    program: PathBuf,
    /// What starts it, if not the program alone.
    script: Option<&'static str>,
    /// Programs and libraries that it runs and loads by name.
    files: Vec<PathBuf>,
    /// Folders that it reads.
    trees: Vec<PathBuf>,
    /// Folders that it writes to.
    folders: Vec<&'static str>,
    user: u32,
    /// The signal by which it is asked to end.
    stop: &'static str,
}

impl Recipe {
    pub(super) fn new(kind: &'static str, program: &Path) -> Result<Self, Failure> {
        let plain = Self {
            kind,
            program: program.to_owned(),
            script: None,
            files: Vec::new(),
            trees: Vec::new(),
            folders: vec!["data", "tmp"],
            user: 0,
            stop: "SIGTERM",
        };
        match kind {
            "postgres" => plain.for_postgres(),
            "mysql" => Ok(Self {
                script: Some(include_str!("mysql.sh")),
                files: vec![SHELL.into()],
                trees: vec!["/usr/share/mysql".into(), ZONES.into()],
                folders: vec!["tmp", "var/lib"],
                user: USER,
                ..plain
            }),
            "memcached" => Ok(Self {
                user: USER,
                ..plain
            }),
            "mongodb" => Ok(Self {
                folders: vec!["data/db", "tmp"],
                ..plain
            }),
            _ => Ok(plain),
        }
    }

    /// Debian's layout: `lib/postgresql/15/{bin,lib}` and `share/postgresql/15`.
    fn for_postgres(self) -> Result<Self, Failure> {
        let program = self.program.canonicalize()?;
        let folder = program.parent().and_then(Path::parent);
        let folder = folder.ok_or("postgres is in no folder")?;
        let version = folder.file_name().unwrap_or_default();
        let mut files = vec![SHELL.into(), folder.join("bin/initdb")];
        for entry in fs::read_dir(folder.join("lib"))? {
            let path = entry?.path();
            let name = path.to_string_lossy();
            // The compiler of queries would bring all of LLVM; without it queries are interpreted.
            if name.ends_with(".so") && !name.contains("llvm") {
                files.push(path);
            }
        }
        Ok(Self {
            script: Some(include_str!("postgres.sh")),
            files,
            trees: vec![
                Path::new("/usr/share/postgresql").join(version),
                ZONES.into(),
            ],
            folders: vec!["tmp", "var/lib/postgresql", "var/run/postgresql"],
            user: USER,
            stop: "SIGINT",
            program,
            ..self
        })
    }

    /// A name for all that decides what the image is.
    pub(super) fn fingerprint(&self) -> Result<String, Failure> {
        let mut hasher = DefaultHasher::new();
        self.hash(&mut hasher);
        let program = self.program.metadata()?;
        (program.modified()?, program.len()).hash(&mut hasher);
        Ok(format!("{:016x}", hasher.finish()))
    }

    /// Puts all of it into a folder that is to be the root of the image.
    pub(super) fn lay_out(&self, root: &Path) -> Result<(), Failure> {
        for folder in &self.folders {
            fs::create_dir_all(root.join(folder))?;
        }
        for file in self.files.iter().chain([&self.program]) {
            copy(file, root)?;
        }
        for program in [self.program.as_path()].into_iter().chain(self.programs()) {
            for library in libraries(program)? {
                copy(&library, root)?;
            }
        }
        for tree in &self.trees {
            let mut cp = Command::new("cp");
            cp.args(["--recursive", "--dereference", "--parents"]);
            quietly(cp.arg(tree).arg(root))?;
        }
        if let Some(script) = self.script {
            let entry = root.join(ENTRY);
            fs::create_dir_all(root.join("usr/local/bin"))?;
            fs::write(&entry, script)?;
            fs::set_permissions(&entry, Permissions::from_mode(0o755))?;
        }
        fs::create_dir_all(root.join("etc"))?;
        let users = format!(
            "root:x:0:0::/:{SHELL}\n{0}:x:{USER}:{USER}::/:{SHELL}\n",
            self.kind
        );
        fs::write(root.join("etc/passwd"), users)?;
        if self.kind == "mysql" {
            return install_mysql(&root.join("var/lib/mysql"));
        }
        Ok(())
    }

    /// Whose property all of it is.
    pub(super) fn user(&self) -> u32 {
        self.user
    }

    /// What the image says of itself, as in a Dockerfile.
    pub(super) fn lines(&self) -> Vec<String> {
        let folder = self.program.parent().unwrap_or(Path::new("/"));
        let entry = match self.script {
            Some(_) => format!("/{ENTRY}"),
            None => self.program.display().to_string(),
        };
        vec![
            format!("ENTRYPOINT [\"{entry}\"]"),
            format!("ENV PATH={}:/bin", folder.display()),
            format!("WORKDIR /{}", self.folders[0]),
            format!("USER {}", self.user),
            format!("STOPSIGNAL {}", self.stop),
        ]
    }

    fn programs(&self) -> impl Iterator<Item = &Path> {
        let files = self.files.iter().map(PathBuf::as_path);
        files.filter(|file| file.extension().is_none())
    }
}

/// MariaDB makes its own tables with a script that wants more of a system than is in the image.
fn install_mysql(data: &Path) -> Result<(), Failure> {
    let install = find("mariadb-install-db").ok_or("mariadb-install-db is not here")?;
    let mut install = Command::new(install);
    install.args(["--no-defaults", "--skip-test-db", "--user=root"]);
    quietly(install.arg(format!("--datadir={}", data.display())))
}

fn copy(file: &Path, root: &Path) -> Result<(), Failure> {
    let copy = root.join(file.strip_prefix("/").unwrap_or(file));
    fs::create_dir_all(copy.parent().unwrap_or(root))?;
    fs::copy(file, copy)?;
    Ok(())
}

/// The libraries that a program loads, and what loads them, as `ldd` says: `name => /path (address)`.
fn libraries(program: &Path) -> Result<Vec<PathBuf>, Failure> {
    let output = Command::new("ldd").arg(program).output()?;
    let text = String::from_utf8(output.stdout)?;
    let paths = text.split_whitespace().filter(|word| word.starts_with('/'));
    Ok(paths.map(PathBuf::from).collect())
}
