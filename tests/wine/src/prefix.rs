// SPDX-License-Identifier: MIT OR Apache-2.0

//! A prefix: a Windows machine in a directory, made for one run.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use crate::installation::{Installation, installation};
use crate::registry;

/// The name that the original kernel has beside the one that goes before it.
pub const ORIGINAL_KERNEL: &str = "ntoskrnw";

/// Where the run's own files are, as Windows names it.
pub const DIRECTORY: &str = r"C:\nmr";

/// A prefix; it is removed when this is dropped, and its session ended.
#[derive(Debug)]
pub struct Prefix {
    installation: Installation,
    directory: Option<TempDir>,
    path: PathBuf,
}

impl Prefix {
    /// Makes one in `directory`; takes some seconds.
    ///
    /// # Errors
    ///
    /// If Wine is not there or cannot make it.
    pub fn create(directory: &Path) -> Result<Self> {
        let installation = installation()?;
        fs::create_dir_all(directory)
            .with_context(|| format!("{} cannot be made: free the path", directory.display()))?;
        let directory = tempfile::Builder::new()
            .prefix("prefix-")
            .tempdir_in(directory)
            .with_context(|| format!("nothing can be made in {}", directory.display()))?;
        let prefix = Self {
            installation,
            path: directory.path().to_owned(),
            directory: Some(directory),
        };
        let mut boot = prefix.command();
        boot.args(["wineboot", "--init"]);
        quietly(boot)?;
        prefix.await_end()?;
        registry::reduce(&prefix.path)?;
        fs::create_dir(prefix.file(""))?;
        let system = prefix.system();
        fs::copy(
            prefix.installation.kernel(),
            system.join(format!("{ORIGINAL_KERNEL}.dll")),
        )
        .context("Wine's kernel cannot be copied")?;
        Ok(prefix)
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Leaves it on the disk.
    pub fn keep(&mut self) {
        if let Some(directory) = self.directory.take() {
            // It is `path` already.
            let _ = directory.keep();
        }
    }

    fn system(&self) -> PathBuf {
        self.path.join("drive_c/windows/system32")
    }

    /// Where a file of [`DIRECTORY`] is on the host.
    #[must_use]
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join("drive_c/nmr").join(name)
    }

    /// Puts `from` into [`DIRECTORY`].
    ///
    /// # Errors
    ///
    /// If it cannot be copied.
    pub fn install(&self, from: &Path, name: &str) -> Result<()> {
        copy(from, &self.file(name))
    }

    /// Puts `from` in the place of one of Windows' own images, whose path below
    /// `system32` is `name`.
    ///
    /// # Errors
    ///
    /// If it cannot be copied.
    pub fn replace(&self, from: &Path, name: &str) -> Result<()> {
        let to = self.system().join(name);
        // The file that is there may be a link to Wine's own.
        if to.exists() {
            fs::remove_file(&to).with_context(|| format!("{} cannot be replaced", to.display()))?;
        }
        copy(from, &to)
    }

    /// Wine's loader in this prefix, with nothing on its command line.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(self.installation.loader());
        self.environment(&mut command);
        command.stdin(Stdio::null());
        command
    }

    fn environment(&self, command: &mut Command) {
        command
            .env("WINEPREFIX", &self.path)
            .env("WINEARCH", "win64")
            .env("WINEDEBUG", "-all")
            // No window, and no offer to install what it does not need.
            .env("WINEDLLOVERRIDES", "mscoree,mshtml,winemenubuilder.exe=")
            .env_remove("DISPLAY")
            .env_remove("WINELOADER")
            .env_remove("WINESERVER");
    }

    fn server(&self, argument: &str) -> Command {
        let mut command = self.installation.server();
        self.environment(&mut command);
        command.arg(argument).stdin(Stdio::null());
        command
    }

    /// Returns when no process of the session is left.
    pub(crate) fn await_end(&self) -> Result<()> {
        quietly(self.server("--wait"))
    }

    /// Ends every process of this prefix, and of no other.
    pub(crate) fn end(&self) -> Result<()> {
        // It fails if there is none.
        let _ = self.server("--kill").output();
        self.await_end()
    }
}

fn quietly(mut command: Command) -> Result<()> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command
        .output()
        .with_context(|| format!("{program} cannot be run: see `cargo xtask doctor`"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("{program} ended with {}: {}", output.status, said.trim());
    }
    Ok(())
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::copy(from, to)
        .map(|_| ())
        .with_context(|| format!("{} cannot be copied to {}", from.display(), to.display()))
}

impl Drop for Prefix {
    fn drop(&mut self) {
        // A session that cannot be ended leaves files that cannot be removed,
        // and both are on the disk for whoever looks.
        let _ = self.end();
    }
}
