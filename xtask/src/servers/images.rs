//! A container engine with an image of every server.
//!
//! Images come from their registry. Where that cannot be reached they are made of the programs on this
//! machine, under the same names, so that the tests take the same road: it is the road that is tested
//! there, and the server says its true version.

use std::env;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::{Root, Server, find, install, quietly, root, server};
use crate::Failure;

/// For each kind its image; the tests read the same lines.
const IMAGES: &str = include_str!("../../../test-servers/images.txt");

/// How long an engine may take to start.
const READY: Duration = Duration::from_secs(60);

/// It ends its daemon when the pipe from us is closed, however we end.
const SCRIPT: &str = r#"
"$@" </dev/null >"$LOG" 2>&1 &
cat >/dev/null
kill $! && wait $!
"#;

/// An engine that has the images. One that we started ends when this is dropped.
pub(crate) struct Engine {
    host: Option<String>,
    /// A shell around the daemon, and its folder.
    daemon: Option<(Child, PathBuf)>,
}

impl Engine {
    /// The engine that is here, or one of our own, with images of these kinds.
    ///
    /// # Errors
    ///
    /// If there is none and none can be started, or if an image can be neither pulled nor made.
    pub(crate) fn with_images(kinds: &[&str]) -> Result<Self, Failure> {
        let mut engine = Self {
            host: None,
            daemon: None,
        };
        if !engine.answers() {
            engine.start()?;
        }
        for kind in kinds {
            engine.image(kind)?;
        }
        Ok(engine)
    }

    /// What `DOCKER_HOST` is to be for the tests; `None` to leave it as it is.
    pub(crate) fn host(&self) -> Option<&str> {
        self.host.as_deref()
    }

    fn start(&mut self) -> Result<(), Failure> {
        let Some(root @ Root::Already) = root() else {
            return Err("no container engine answers; start one, or run this as root".into());
        };
        if find("dockerd").is_none() {
            install(&root, &["docker.io", "iptables"])?;
        }
        // Sockets have short names; images are kept for the next time.
        let folder = env::temp_dir().join(format!("session-store-engine-{}", std::process::id()));
        let data = crate::cargo::root().join("target/containers");
        fs::create_dir_all(&folder)?;
        let socket = format!("unix://{}", folder.join("docker.sock").display());
        let shell = Command::new("/bin/sh")
            .args(["-c", SCRIPT, "engine", "dockerd", "--host", &socket])
            .arg("--data-root")
            .arg(data)
            .arg("--exec-root")
            .arg(folder.join("exec"))
            .arg("--pidfile")
            .arg(folder.join("pid"))
            .env("LOG", folder.join("log"))
            .stdin(Stdio::piped())
            .spawn()?;
        let log = folder.join("log");
        self.host = Some(socket);
        self.daemon = Some((shell, folder));
        let began = Instant::now();
        while !self.answers() {
            if began.elapsed() > READY {
                let log = fs::read_to_string(log)?;
                return Err(format!("dockerd does not answer; it said:\n{log}").into());
            }
            sleep(Duration::from_millis(100));
        }
        Ok(())
    }

    fn answers(&self) -> bool {
        quietly(self.docker().arg("info")).is_ok()
    }

    fn image(&self, kind: &str) -> Result<(), Failure> {
        let image = IMAGES.lines().find_map(|line| line.strip_prefix(kind));
        let image = image.ok_or_else(|| format!("no image of {kind}"))?.trim();
        if quietly(self.docker().args(["image", "inspect", image])).is_ok() {
            return Ok(());
        }
        let Err(unreachable) = quietly(self.docker().args(["pull", "--quiet", image])) else {
            return Ok(());
        };
        let server = server(kind)?;
        let Some(program) = server.program() else {
            return Err(format!("no {kind} here to make an image of, and {unreachable}").into());
        };
        println!("Making {image} of {} …", program.display());
        self.make(image, server, &program)
    }

    /// Makes an image of a program, of the libraries that it loads, and of nothing else.
    fn make(&self, image: &str, server: &Server, program: &Path) -> Result<(), Failure> {
        let tree = env::temp_dir().join(format!("session-store-image-{}", std::process::id()));
        for folder in ["data", "tmp"] {
            fs::create_dir_all(tree.join(folder))?;
        }
        for file in libraries(program)?
            .iter()
            .map(PathBuf::as_path)
            .chain([program])
        {
            let copy = tree.join(file.strip_prefix("/").unwrap_or(file));
            fs::create_dir_all(copy.parent().unwrap_or(&tree))?;
            fs::copy(file, copy)?;
        }
        let archive = tree.with_extension("tar");
        let made = quietly(
            Command::new("tar")
                .arg("-cf")
                .arg(&archive)
                .arg("-C")
                .arg(&tree)
                .arg("."),
        )
        .and_then(|()| {
            let entry = format!("ENTRYPOINT [\"{}\"]", program.display());
            let port = format!("EXPOSE {}", server.port);
            let mut import = self.docker();
            import.arg("import");
            for change in ["WORKDIR /data", "VOLUME /data", &entry, &port] {
                import.args(["--change", change]);
            }
            quietly(import.arg(&archive).arg(image))
        });
        fs::remove_dir_all(&tree)?;
        match fs::remove_file(&archive) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error.into()),
            _ => made,
        }
    }

    fn docker(&self) -> Command {
        let mut docker = Command::new("docker");
        if let Some(host) = &self.host {
            docker.args(["--host", host]);
        }
        docker
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        if let Some((mut shell, folder)) = self.daemon.take() {
            drop(shell.stdin.take());
            // Nothing can be done about an engine that does not end, or its log that stays.
            let _ = shell.wait();
            let _ = fs::remove_dir_all(folder);
        }
    }
}

/// The libraries that a program loads, and what loads them, as `ldd` says: `name => /path (address)`.
fn libraries(program: &Path) -> Result<Vec<PathBuf>, Failure> {
    let output = Command::new("ldd").arg(program).output()?;
    let text = String::from_utf8(output.stdout)?;
    let paths = text.split_whitespace().filter(|word| word.starts_with('/'));
    Ok(paths.map(PathBuf::from).collect())
}
