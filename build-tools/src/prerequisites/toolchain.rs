// SPDX-License-Identifier: MIT OR Apache-2.0

//! The Rust compiler for Windows images.
//!
//! A toolchain that has the Windows targets installed is used as it is; where rustup
//! manages one, it is asked to add them. If there is none, Debian's archive has a
//! current compiler with the sources of its libraries (`rustc-web`, `rust-web-src`);
//! cargo then builds `core` and `alloc` first. The two differ in version and therefore
//! never share a target directory.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, anyhow};

use crate::workspace::output;

/// The target of drivers.
pub(crate) const TARGET: &str = "x86_64-pc-windows-msvc";
/// The target of Windows programs.
pub(crate) const PROGRAM_TARGET: &str = if cfg!(windows) {
    TARGET
} else {
    "x86_64-pc-windows-gnu"
};

/// The oldest compiler that supports the workspace's edition and lints.
const OLDEST: (u32, u32) = (1, 93);

const DEBIAN_RUSTC: &str = "/usr/bin/rustc";
const DEBIAN_CLIPPY: &str = "/usr/bin/clippy-driver";
const DEBIAN_LIBRARY: &str = "/usr/lib/rustlib/src/rust/library";

/// A compiler for Windows.
#[derive(Clone, Debug)]
pub(crate) struct Compiler {
    target: &'static str,
    rustc: PathBuf,
    pub(crate) version: String,
    /// `true` if the target's libraries must be built from source.
    from_source: bool,
}

impl Compiler {
    /// The compiler for drivers. The error names what was searched.
    pub(crate) fn find() -> Result<Self> {
        Self::find_for(TARGET)
    }

    /// The compiler for Windows programs.
    pub(crate) fn find_for_programs() -> Result<Self> {
        Self::find_for(PROGRAM_TARGET)
    }

    fn find_for(target: &'static str) -> Result<Self> {
        let found = Self::with_target(target).or_else(|| Self::debian(target));
        found.ok_or_else(|| {
            let (major, minor) = OLDEST;
            anyhow!(
                "no rustc {major}.{minor} or later has the target {target}, \
                 nor is there one at {DEBIAN_RUSTC} with {DEBIAN_LIBRARY}"
            )
        })
    }

    /// The active toolchain, if it has the target.
    fn with_target(target: &'static str) -> Option<Self> {
        let rustc = PathBuf::from("rustc");
        let arguments = ["--print", "target-libdir", "--target", target];
        let libraries = output(Command::new(&rustc).args(arguments)).ok()?;
        let mut files = Path::new(&libraries).read_dir().ok()?;
        let has_core = files.any(|file| {
            file.is_ok_and(|file| file.file_name().to_string_lossy().starts_with("libcore-"))
        });
        let version = has_core.then(|| version(&rustc))??;
        Some(Self {
            target,
            rustc,
            version,
            from_source: false,
        })
    }

    /// Clippy of the same version. The error names what was searched.
    pub(crate) fn clippy(&self) -> Result<PathBuf> {
        if !self.from_source {
            return Ok(PathBuf::from("clippy-driver"));
        }
        let clippy = PathBuf::from(DEBIAN_CLIPPY);
        clippy
            .is_file()
            .then_some(clippy)
            .ok_or_else(|| anyhow!("{DEBIAN_CLIPPY} of rust-web-clippy is missing"))
    }

    fn debian(target: &'static str) -> Option<Self> {
        let rustc = PathBuf::from(DEBIAN_RUSTC);
        let version = version(&rustc)?;
        Path::new(DEBIAN_LIBRARY)
            .join("core/src/lib.rs")
            .is_file()
            .then_some(Self {
                target,
                rustc,
                version,
                from_source: true,
            })
    }

    /// The command by which rustup adds the targets to the active toolchain; `None` if
    /// rustup is not there, or the toolchain is too old.
    pub(crate) fn addition() -> Option<Command> {
        let rustup = which::which("rustup").ok()?;
        version(Path::new("rustc"))?;
        let mut command = Command::new(rustup);
        command.args(["target", "add", TARGET]);
        if PROGRAM_TARGET != TARGET {
            command.arg(PROGRAM_TARGET);
        }
        Some(command)
    }

    /// Makes `cargo` use it.
    pub(crate) fn apply(&self, cargo: &mut Command) {
        cargo.args(["--target", self.target]);
        if !self.from_source {
            return;
        }
        cargo.env("RUSTC", &self.rustc);
        // Rustdoc of the same version is beside it.
        cargo.env("RUSTDOC", self.rustc.with_file_name("rustdoc"));
        if self.target == TARGET {
            cargo
                .arg("-Zbuild-std=core,alloc")
                .arg("-Zbuild-std-features=compiler-builtins-mem");
        } else {
            cargo.arg("-Zbuild-std=std,panic_abort");
        }
    }
}

/// The version of `rustc`, if it is new enough.
fn version(rustc: &Path) -> Option<String> {
    let text = output(Command::new(rustc).arg("--version")).ok()?;
    is_new_enough(&text).then_some(text)
}

fn is_new_enough(version: &str) -> bool {
    let mut numbers = version
        .split_whitespace()
        .nth(1)
        .unwrap_or_default()
        .split('.')
        .map_while(|number| number.parse::<u32>().ok());
    let (Some(major), Some(minor)) = (numbers.next(), numbers.next()) else {
        return false;
    };
    (major, minor) >= OLDEST
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debians_ordinary_compiler_is_too_old() {
        assert!(!is_new_enough("rustc 1.63.0"));
        assert!(!is_new_enough("rustc"));
        assert!(is_new_enough("rustc 1.93.0"));
        assert!(is_new_enough(
            "rustc 1.96.0 (ac68faa20 2026-05-25) (built from a source tarball)"
        ));
        assert!(is_new_enough("rustc 1.97.0-nightly (0123456 2026-06-01)"));
    }
}
