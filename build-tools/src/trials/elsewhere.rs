// SPDX-License-Identifier: MIT OR Apache-2.0

//! An empty directory outside of the checkout, in which this program is installed as
//! `cargo nmr`. What is compiled there goes to the checkout's target directory, so that
//! dependencies are compiled once.

use std::env;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use child::program::own_path;
use tempfile::TempDir;

use crate::terminal::print;
use crate::workspace::{Workspace, artifact};

/// The directory, which is removed in the end with the images of drivers built in it.
pub(super) struct Elsewhere<'workspace> {
    scratch: TempDir,
    installed: TempDir,
    workspace: &'workspace Workspace,
    /// The images that were there before.
    before: Vec<String>,
}

/// How a command has ended.
pub(super) struct Ended(Output);

impl Ended {
    pub(super) fn status(&self) -> Option<i32> {
        self.0.status.code()
    }

    /// All that it printed.
    pub(super) fn printed(&self) -> String {
        let [out, errors] = [&self.0.stdout, &self.0.stderr].map(|it| String::from_utf8_lossy(it));
        format!("{out}{errors}")
    }
}

impl<'workspace> Elsewhere<'workspace> {
    /// An empty one.
    pub(super) fn new(workspace: &'workspace Workspace) -> Result<Self> {
        let installed = TempDir::new()?;
        let program = format!("cargo-nmr{}", env::consts::EXE_SUFFIX);
        fs::copy(own_path(), installed.path().join(program))
            .context("this program cannot be copied")?;
        Ok(Self {
            scratch: TempDir::new()?,
            installed,
            workspace,
            before: artifact::names(&workspace.drivers())?,
        })
    }

    pub(super) fn path(&self) -> &Path {
        self.scratch.path()
    }

    /// The image of a driver that was built here.
    pub(super) fn image(&self, name: &str) -> String {
        self.workspace.driver(name).display().to_string()
    }

    /// Runs a command in `directory`.
    pub(super) fn run(&self, directory: &Path, words: &[impl AsRef<OsStr>]) -> Result<Ended> {
        let [program, arguments @ ..] = words else {
            anyhow::bail!("there is no command");
        };
        self.use_own_versions()?;
        let line = words.iter().map(|word| word.as_ref().to_string_lossy());
        let line = line.collect::<Vec<_>>().join(" ");
        let started = Instant::now();
        let output = Command::new(program)
            .args(arguments.iter().map(|word| self.located(word.as_ref())))
            .current_dir(directory)
            .env("PATH", self.search_path()?)
            .env("CARGO_TARGET_DIR", self.workspace.target())
            .env("CARGO_NET_OFFLINE", "true")
            .stdin(Stdio::null())
            .output()
            .with_context(|| format!("`{line}` cannot be run"))?;
        print(format!("{line}: {:.1} s", started.elapsed().as_secs_f64()));
        Ok(Ended(output))
    }

    /// Runs a command that must succeed.
    pub(super) fn succeeds(&self, directory: &Path, words: &[impl AsRef<OsStr>]) -> Result<Ended> {
        let ended = self.run(directory, words)?;
        let words: Vec<_> = words.iter().map(AsRef::as_ref).collect();
        ensure!(
            ended.status() == Some(0),
            "{words:?} ends with {:?}: {}",
            ended.status(),
            ended.printed()
        );
        Ok(ended)
    }

    /// An argument as it must be here: what is in the target directory of a workspace is in
    /// that of the checkout.
    fn located(&self, word: &OsStr) -> OsString {
        let path = Path::new(word);
        let below = path
            .components()
            .skip_while(|part| part.as_os_str() != "target");
        if path.is_absolute() || below.clone().next().is_none() {
            return word.to_owned();
        }
        self.workspace
            .target()
            .join(below.skip(1).collect::<PathBuf>())
            .into()
    }

    /// Where programs are looked for: this one first.
    fn search_path(&self) -> Result<OsString> {
        let rest = env::var_os("PATH").unwrap_or_default();
        let own = [self.installed.path().to_owned()].into_iter();
        Ok(env::join_paths(own.chain(env::split_paths(&rest)))?)
    }

    /// Gives each new workspace the checkout's lock file: those versions are compiled already.
    fn use_own_versions(&self) -> Result<()> {
        for name in artifact::names(self.path())? {
            let place = self.path().join(name);
            let lock = place.join("Cargo.lock");
            if place.join("Cargo.toml").is_file() && !lock.exists() {
                fs::copy(self.workspace.root().join("Cargo.lock"), lock)?;
            }
        }
        Ok(())
    }
}

impl Drop for Elsewhere<'_> {
    fn drop(&mut self) {
        let drivers = self.workspace.drivers();
        for name in artifact::names(&drivers).unwrap_or_default() {
            if !self.before.contains(&name) {
                let _ = fs::remove_file(drivers.join(name));
            }
        }
    }
}
