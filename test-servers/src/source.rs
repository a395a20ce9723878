//! Where a server comes from.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::{env, io};

use tempfile::TempDir;

use crate::builder::{Layout, Settings, Tls};
#[cfg(feature = "containers")]
use crate::container::{self, Container};
use crate::engine::{Engine, Launch};
use crate::error::{StartError, Unavailable};
use crate::process::{self, Process};
use crate::{Kind, program};

/// What a server of our own is made of.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    /// The official image.
    #[cfg(feature = "containers")]
    Image,
    /// A program on this machine.
    Program(PathBuf),
}

/// The first source that answers.
pub(crate) async fn find(kind: Kind, settings: &Settings) -> Result<Source, StartError> {
    let wanted = containers_wanted()?;
    if wanted != Some(false) && fits_a_container(kind, settings) {
        #[cfg(feature = "containers")]
        if container::engine_answers().await {
            return Ok(Source::Image);
        }
        if wanted == Some(true) {
            return Err(Unavailable::no_engine(kind).into());
        }
    }
    let program = match &settings.program {
        Some(program) => Some(program.clone()),
        None => program::of(kind)?,
    };
    let program = program.ok_or_else(|| Unavailable::new(kind))?;
    Ok(Source::Program(program))
}

impl Source {
    /// The folder of a server, as that server sees it.
    pub(crate) fn folder(&self, folder: &TempDir) -> PathBuf {
        match self {
            #[cfg(feature = "containers")]
            Self::Image => container::FOLDER.into(),
            Self::Program(_) => folder.path().to_owned(),
        }
    }

    pub(crate) fn is_contained(&self) -> bool {
        !matches!(self, Self::Program(_))
    }

    /// The user to run as, if not as ours.
    pub(crate) fn user(&self, kind: Kind) -> Option<u32> {
        process::user(kind.refuses_root() && !self.is_contained())
    }

    /// A server that does not run yet.
    pub(crate) fn engine(
        &self,
        kind: Kind,
        launch: Launch,
        folder: TempDir,
        settings: &Settings,
    ) -> io::Result<Box<dyn Engine>> {
        let (args, env) = (kind.args(&launch, settings), settings.env.clone());
        Ok(match self {
            #[cfg(feature = "containers")]
            Self::Image => {
                let env = [env, kind.env(settings)].concat();
                Box::new(Container::new(kind, launch, folder, args, env)?)
            }
            Self::Program(program) => {
                kind.prepare(&launch, settings, program)?;
                Box::new(Process::new(kind, program, launch, folder, args, env)?)
            }
        })
    }
}

/// An empty folder for a server, open to no other user.
pub(crate) fn folder(kind: Kind) -> io::Result<TempDir> {
    tempfile::Builder::new()
        .prefix(&format!("session-store-{kind}-"))
        .permissions(Permissions::from_mode(0o700))
        .tempdir()
}

/// No program or socket of this machine is in a container, and the servers of a layout must find one
/// another. Of the images only that of Redis takes keys that somebody puts there, and in that of MongoDB
/// we are no local client, who alone may create the first user.
fn fits_a_container(kind: Kind, settings: &Settings) -> bool {
    let is_redis = kind == Kind::Redis;
    let is_mongodb = kind == Kind::MongoDb;
    !settings.process
        && settings.layout == Layout::Single
        && (is_redis || settings.tls == Tls::None)
        && !(is_mongodb && settings.password.is_some())
}

/// Whether the environment asks for containers instead of programs, or for none.
fn containers_wanted() -> io::Result<Option<bool>> {
    match env::var("SESSION_STORE_CONTAINERS").as_deref() {
        Ok("1") => Ok(Some(true)),
        Ok("0") => Ok(Some(false)),
        Ok("") | Err(_) => Ok(None),
        Ok(_) => Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "SESSION_STORE_CONTAINERS is 1 for containers instead of programs, or 0 for none",
        )),
    }
}
