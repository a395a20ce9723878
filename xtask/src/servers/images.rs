//! A container engine with an image of every server.
//!
//! Images come from their registry. Where that cannot be reached they are made of the programs on this
//! machine, under the same names, so that the tests take the same road: it is the road that is tested
//! there, and the server says its true version.

use std::env;
use std::fs;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::{Server, debian, find, quietly};
use crate::Failure;
use crate::servers::images::recipe::Recipe;

mod recipe;

/// For each kind its image; the tests read the same lines.
const IMAGES: &str = include_str!("../../../test-servers/images.txt");

/// What an image of ours is marked with: of what it was made.
const LABEL: &str = "session-store";

/// How long an engine may take to start.
const READY: Duration = Duration::from_secs(60);

/// It ends its daemon, and removes its folder, when the pipe from us is closed, however we end.
const SCRIPT: &str = r#"
"$@" </dev/null >"$LOG" 2>&1 &
cat >/dev/null
kill $! && wait $!
rm -rf -- "${LOG%/log}"
"#;

/// An engine that has the images. One that we started ends when this is dropped.
pub(super) struct Engine {
    host: Option<String>,
    /// A shell around the daemon.
    daemon: Option<Child>,
}

impl Engine {
    /// The engine that is here, or one of our own, with images of these kinds.
    ///
    /// # Errors
    ///
    /// If there is none and none can be started, or if an image can be neither pulled nor made.
    pub(super) fn with_images(servers: &[&Server]) -> Result<Self, Failure> {
        let mut engine = Self {
            host: None,
            daemon: None,
        };
        if !engine.answers() {
            engine.start()?;
        }
        for server in servers {
            engine.image(server)?;
        }
        Ok(engine)
    }

    /// What `DOCKER_HOST` is to be for the tests; `None` to leave it as it is.
    pub(super) fn host(&self) -> Option<&str> {
        self.host.as_deref()
    }

    fn start(&mut self) -> Result<(), Failure> {
        if !debian::is_root() {
            return Err("no container engine answers; start one, or run this as root".into());
        }
        if find("dockerd").is_none() {
            debian::ensure(&["docker.io", "iptables"], "leave out `--containers`")?;
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
        self.daemon = Some(shell);
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

    fn image(&self, server: &Server) -> Result<(), Failure> {
        let kind = server.kind;
        let image = IMAGES.lines().find_map(|line| line.strip_prefix(kind));
        let image = image.ok_or_else(|| format!("no image of {kind}"))?.trim();
        let recipe = server.program().map(|program| Recipe::new(kind, &program));
        let recipe = recipe.transpose()?;
        let fingerprint = recipe.as_ref().map(Recipe::fingerprint).transpose()?;
        match self.label(image) {
            // The official one, or ours of what is here now.
            Some(label) if label.is_empty() || Some(&label) == fingerprint.as_ref() => {
                return Ok(());
            }
            _ => {}
        }
        let Err(unreachable) = quietly(self.docker().args(["pull", "--quiet", image])) else {
            return Ok(());
        };
        match (recipe, fingerprint) {
            (Some(recipe), Some(fingerprint)) => {
                println!("Making {image} of the {kind} of this machine …");
                self.make(image, &recipe, &fingerprint)
            }
            _ => Err(format!("no {kind} here to make an image of, and {unreachable}").into()),
        }
    }

    /// What is written on an image that the engine has; nothing on one that is not ours.
    fn label(&self, image: &str) -> Option<String> {
        let format = format!("{{{{index .Config.Labels \"{LABEL}\"}}}}");
        let mut inspect = self.docker();
        inspect.args(["image", "inspect", "--format", &format, image]);
        let output = inspect.stdin(Stdio::null()).output().ok()?;
        let label = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        output.status.success().then_some(label)
    }

    fn make(&self, image: &str, recipe: &Recipe, fingerprint: &str) -> Result<(), Failure> {
        let folder = env::temp_dir().join(format!("session-store-image-{}", std::process::id()));
        let tree = folder.join("tree");
        fs::create_dir_all(&tree)?;
        let made = recipe.lay_out(&tree).and_then(|()| {
            let mut tar = Command::new("tar");
            let owner = recipe.user();
            tar.args([format!("--owner={owner}"), format!("--group={owner}")]);
            tar.arg("-cf").arg(folder.join("tree.tar"));
            quietly(tar.arg("-C").arg(&tree).arg("."))?;
            fs::remove_dir_all(&tree)?;
            let lines = ["FROM scratch", "ADD tree.tar /"].map(str::to_owned);
            let lines = [lines.to_vec(), recipe.lines()].concat();
            fs::write(folder.join("Dockerfile"), lines.join("\n"))?;
            let mut build = self.docker();
            // The other way to build is a plugin.
            build.env("DOCKER_BUILDKIT", "0");
            build.args(["build", "--tag", image, "--label"]);
            quietly(build.arg(format!("{LABEL}={fingerprint}")).arg(&folder))
        });
        fs::remove_dir_all(&folder)?;
        made
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
        if let Some(mut shell) = self.daemon.take() {
            drop(shell.stdin.take());
            // Nothing can be done about an engine that does not end.
            let _ = shell.wait();
        }
    }
}
