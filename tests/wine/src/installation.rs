// SPDX-License-Identifier: MIT OR Apache-2.0

//! The installed Wine.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Directories of the 64-bit loader and the server, besides `PATH`.
const PROGRAMS: [&str; 2] = ["/usr/lib/wine", "/opt/wine-stable/bin"];
/// Directories of Wine's images.
const IMAGES: [&str; 4] = [
    "/usr/lib/x86_64-linux-gnu/wine/x86_64-windows",
    "/usr/lib/wine/x86_64-windows",
    "/usr/lib64/wine/x86_64-windows",
    "/opt/wine-stable/lib64/wine/x86_64-windows",
];

/// A missing part of Wine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// What was searched, and where.
    pub sought: String,
}

impl std::fmt::Display for Missing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Wine not found ({}): apt-get install wine", self.sought)
    }
}

impl std::error::Error for Missing {}

/// The paths of Wine's programs and images.
#[derive(Clone, Debug)]
pub struct Installation {
    loader: PathBuf,
    server: PathBuf,
    images: PathBuf,
}

/// Finds the installed Wine.
///
/// # Errors
///
/// [`Missing`], if a part of it is missing.
pub fn installation() -> Result<Installation, Missing> {
    let images = IMAGES
        .iter()
        .map(Path::new)
        .find(|directory| directory.join("ntoskrnl.exe").is_file())
        .ok_or_else(|| Missing {
            sought: format!("ntoskrnl.exe in {}", IMAGES.join(", ")),
        })?;
    Ok(Installation {
        loader: program(&["wine64", "wine"])?,
        server: program(&["wineserver64", "wineserver"])?,
        images: images.to_owned(),
    })
}

fn program(names: &[&str]) -> Result<PathBuf, Missing> {
    let known = PROGRAMS.iter().map(Path::new);
    let known = known.flat_map(|directory| names.iter().map(|name| directory.join(name)));
    known
        .into_iter()
        .find(|path| path.is_file())
        .or_else(|| names.iter().find_map(|name| which::which(name).ok()))
        .ok_or_else(|| Missing {
            sought: format!("{} in {} or on PATH", names.join(", "), PROGRAMS.join(", ")),
        })
}

impl Installation {
    /// Wine's kernel.
    #[must_use]
    pub fn kernel(&self) -> PathBuf {
        self.images.join("ntoskrnl.exe")
    }

    /// Wine's loader, which runs Windows programs.
    #[must_use]
    pub fn loader(&self) -> &Path {
        &self.loader
    }

    pub(crate) fn server(&self) -> Command {
        Command::new(&self.server)
    }
}
