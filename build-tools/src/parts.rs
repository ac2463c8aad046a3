// SPDX-License-Identifier: MIT OR Apache-2.0

//! Every part that building the drivers needs on this host.

use std::collections::BTreeSet;
use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use driver_parts::Missing;
use serde::Serialize;

use crate::toolchain::Compiler;
use crate::windows_kit;
use crate::workspace::{cargo, output};

/// What a part is needed for; each has need of what those before it need.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Purpose {
    /// Building the drivers and running them.
    Build,
    /// Tests of what is built here.
    Check,
    /// Packages for other machines: Windows programs, and signatures.
    Package,
    /// Whatever runs under Wine: its sessions, and `lint`.
    Wine,
    /// Machines that are booted here, and `test` as a whole.
    Vm,
}

/// A part, found or missing.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Part {
    /// What it is.
    pub(crate) name: &'static str,
    /// What it is needed for.
    pub(crate) purpose: Purpose,
    /// Whether it is there.
    pub(crate) found: bool,
    /// Its version or place; if missing, what was looked for.
    pub(crate) detail: String,
    /// The command that gets it.
    pub(crate) remedy: String,
    /// The Debian packages that have it.
    pub(crate) packages: Vec<&'static str>,
}

impl Part {
    fn packaged(
        name: &'static str,
        packages: &[&'static str],
        located: Result<String, String>,
    ) -> Self {
        let remedy = format!("apt-get install {}", packages.join(" "));
        Self::with_remedy(name, remedy, packages, located)
    }

    fn with_remedy(
        name: &'static str,
        remedy: String,
        packages: &[&'static str],
        located: Result<String, String>,
    ) -> Self {
        Self {
            name,
            purpose: Purpose::Build,
            found: located.is_ok(),
            detail: located.unwrap_or_else(|sought| sought),
            remedy,
            packages: packages.to_vec(),
        }
    }

    /// The same part, needed for this only.
    fn for_purpose(self, purpose: Purpose) -> Self {
        Self { purpose, ..self }
    }
}

/// All parts, found or not.
pub(crate) fn all() -> Vec<Part> {
    let mut parts = vec![cargo_itself()];
    if cfg!(windows) {
        parts.extend(on_windows());
    } else {
        parts.extend(elsewhere());
    }
    parts
}

/// The parts that are missing for `purpose`.
pub(crate) fn missing(purpose: Purpose) -> Vec<Part> {
    all()
        .into_iter()
        .filter(|part| !part.found && part.purpose <= purpose)
        .collect()
}

/// The packages that have `parts`, as far as any has.
pub(crate) fn packages(parts: &[Part]) -> BTreeSet<&'static str> {
    parts
        .iter()
        .flat_map(|part| part.packages.iter().copied())
        .collect()
}

fn cargo_itself() -> Part {
    let located = output(Command::new(cargo()).arg("--version")).map_err(|error| error.to_string());
    let remedy = "install Rust from https://rustup.rs".to_owned();
    Part::with_remedy("cargo", remedy, &[], located)
}

fn elsewhere() -> Vec<Part> {
    let located = |path: Result<PathBuf, Missing>| match path {
        Ok(path) => Ok(path.display().to_string()),
        Err(missing) => Err(missing.sought),
    };
    let libclang = driver_parts::clang().map(|clang| clang.library);
    vec![
        Part::packaged(
            "Rust for Windows",
            &["rustc-web", "rust-web-src"],
            compiler(),
        ),
        Part::packaged("clippy for Windows", &["rust-web-clippy"], clippy())
            .for_purpose(Purpose::Check),
        Part::packaged("lld-link", &["lld"], linker()),
        Part::packaged("clang", &["clang"], clang()).for_purpose(Purpose::Check),
        Part::packaged("llvm-dlltool", &["llvm"], located(driver_parts::dlltool())),
        Part::packaged("libclang", &["libclang-dev"], located(libclang)),
        Part::packaged(
            "driver headers",
            &["mingw-w64-common"],
            located(driver_parts::headers()),
        ),
        Part::packaged(
            "import libraries",
            &["mingw-w64-x86-64-dev"],
            located(driver_parts::import_libraries()),
        ),
        Part::packaged(
            "linker for Windows programs",
            &["gcc-mingw-w64-x86-64"],
            located(driver_parts::program_linker()),
        )
        .for_purpose(Purpose::Package),
        Part::packaged(
            "osslsigncode",
            &["osslsigncode"],
            located(driver_parts::signer()),
        )
        .for_purpose(Purpose::Package),
        Part::packaged("openssl", &["openssl"], located(driver_parts::key_maker()))
            .for_purpose(Purpose::Package),
        Part::packaged("Wine", &["wine", "wine64"], wine()).for_purpose(Purpose::Wine),
        Part::packaged("QEMU", &["qemu-system-x86"], program("qemu-system-x86_64"))
            .for_purpose(Purpose::Vm),
        Part::packaged(
            "mmdebstrap",
            &["mmdebstrap", "debian-archive-keyring"],
            program("mmdebstrap"),
        )
        .for_purpose(Purpose::Vm),
        Part::packaged("mke2fs", &["e2fsprogs"], program("mke2fs")).for_purpose(Purpose::Vm),
        Part::packaged("OpenSSH's client", &["openssh-client"], program("sftp"))
            .for_purpose(Purpose::Vm),
        // A machine to reach, for tests.
        Part::packaged("OpenSSH's server", &["openssh-server"], program("sshd"))
            .for_purpose(Purpose::Vm),
    ]
}

/// A program of the host's, or of its administrator's.
fn program(name: &str) -> Result<String, String> {
    /// Not everybody has those on their search path.
    const MORE: &str = "/usr/sbin:/sbin";
    which::which(name)
        .or_else(|_| which::which_in(name, Some(MORE), "."))
        .map(|path| path.display().to_string())
        .map_err(|_| format!("{name} on PATH or in {MORE}"))
}

fn compiler() -> Result<String, String> {
    Compiler::find()
        .map(|compiler| compiler.version)
        .map_err(|error| error.to_string())
}

fn clippy() -> Result<String, String> {
    Compiler::find()
        .and_then(|compiler| output(Command::new(compiler.clippy()?).arg("--version")))
        .map_err(|error| error.to_string())
}

fn wine() -> Result<String, String> {
    let wine = wine::installation().map_err(|missing| missing.sought)?;
    output(Command::new(wine.loader()).arg("--version")).map_err(|error| error.to_string())
}

/// Compiles the defective modules that the tests must find.
fn clang() -> Result<String, String> {
    let path = which::which("clang").map_err(|_| "clang on PATH".to_owned())?;
    output(Command::new(path).arg("--version"))
        .map(|text| text.lines().next().unwrap_or_default().to_owned())
        .map_err(|error| error.to_string())
}

fn linker() -> Result<String, String> {
    let path = driver_parts::linker().map_err(|missing| missing.sought)?;
    output(Command::new(path).arg("--version")).map_err(|error| error.to_string())
}

/// Microsoft's own `wdk-build` finds the details, and says what it lacks.
fn on_windows() -> Vec<Part> {
    let target = "rustup target add x86_64-pc-windows-msvc".to_owned();
    let clang = "winget install LLVM.LLVM".to_owned();
    let kit = "winget install Microsoft.WindowsWDK.10.0.26100".to_owned();
    let signtool = windows_kit::program("signtool.exe").map(|path| path.display().to_string());
    vec![
        Part::with_remedy("Rust for Windows", target, &[], compiler()),
        Part::with_remedy("LLVM", clang, &[], llvm_on_windows()),
        Part::with_remedy("Windows Driver Kit", kit.clone(), &[], kit_on_windows()),
        Part::with_remedy("signtool", kit, &[], signtool).for_purpose(Purpose::Package),
    ]
}

fn llvm_on_windows() -> Result<String, String> {
    let directory = env::var_os("LIBCLANG_PATH").map(PathBuf::from);
    directory
        .filter(|directory| directory.exists())
        .or_else(|| which::which("clang").ok())
        .map(|path| path.display().to_string())
        .ok_or_else(|| "LIBCLANG_PATH, or clang on PATH".to_owned())
}

fn kit_on_windows() -> Result<String, String> {
    let include = windows_kit::root().join("Include");
    let has_kernel_headers = |version: &Path| version.join("km").join("ntddk.h").is_file();
    let mut versions: Vec<_> = include
        .read_dir()
        .into_iter()
        .flatten()
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .filter(|version| has_kernel_headers(version))
        .collect();
    versions.sort();
    versions
        .pop()
        .map(|version| version.display().to_string())
        .ok_or_else(|| format!("km/ntddk.h below {}", include.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_are_named_once() {
        let part =
            |packages: &[&'static str]| Part::packaged("x", packages, Err("somewhere".to_owned()));
        let parts = [part(&["b", "a"]), part(&[]), part(&["b"])];
        assert_eq!(Vec::from_iter(packages(&parts)), ["a", "b"]);
    }
}
