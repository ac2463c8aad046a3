// SPDX-License-Identifier: MIT OR Apache-2.0

//! The programs and files that this host must have, and how to get each.
//!
//! [`driver_prerequisites`] finds those of the driver build; the drop-in `wdk-build` uses it,
//! too.

mod installation;
pub(crate) mod toolchain;
pub(crate) mod windows_kit;

use std::collections::BTreeSet;
use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use driver_prerequisites::Missing;
use serde::Serialize;

use crate::workspace::{cargo, output};
pub(crate) use installation::{ensure, privilege};
use toolchain::Compiler;

/// What a prerequisite is needed for; each purpose includes those before it, except that
/// [`Page`](Self::Page) and those after it need no more than `Check`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Purpose {
    /// Building the drivers and running them.
    Build,
    /// Tests of what is built here.
    Check,
    /// Packages for other machines: Windows programs, and signatures.
    Package,
    /// Sessions under Wine, and `lint`.
    Wine,
    /// Virtual machines booted on this host, and `test` as a whole.
    Vm,
    /// Tests of the report's page in a browser.
    Page,
    /// Instruction counts of `bench`.
    Bench,
    /// Tests of shards on a cluster of one machine.
    Scale,
}

impl Purpose {
    /// Returns `true` if this purpose needs what `other` needs.
    const fn includes(self, other: Self) -> bool {
        match self {
            Self::Page | Self::Bench | Self::Scale => {
                other as u8 <= Self::Check as u8 || other as u8 == self as u8
            }
            _ => other as u8 <= self as u8,
        }
    }
}

/// A program or a set of files, found or missing.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Prerequisite {
    /// Its name in reports.
    pub(crate) name: &'static str,
    /// What it is needed for.
    pub(crate) purpose: Purpose,
    /// `true` if it was found.
    pub(crate) found: bool,
    /// Its version or path; if missing, what was searched.
    pub(crate) detail: String,
    /// The command that installs it.
    pub(crate) remedy: String,
    /// The Debian packages that contain it.
    pub(crate) packages: Vec<&'static str>,
}

impl Prerequisite {
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

    /// The same, needed for `purpose` only.
    fn for_purpose(self, purpose: Purpose) -> Self {
        Self { purpose, ..self }
    }
}

/// The compiler for drivers, and that for programs that run on Windows.
const COMPILERS: [&str; 2] = ["Rust for drivers", "Rust for programs"];

/// The browser that shows the report's page to a test, and the program that drives it.
pub(crate) const CHROMIUM: &str = "chromium";
pub(crate) const CHROMEDRIVER: &str = "chromedriver";

/// All prerequisites, found or not.
pub(crate) fn all() -> Vec<Prerequisite> {
    let mut all = vec![cargo_itself()];
    if cfg!(windows) {
        all.extend(on_windows());
    } else {
        all.extend(on_other_hosts());
    }
    all
}

/// The prerequisites that are missing for `purpose`.
pub(crate) fn missing(purpose: Purpose) -> Vec<Prerequisite> {
    all()
        .into_iter()
        .filter(|it| !it.found && purpose.includes(it.purpose))
        .collect()
}

/// The packages that contain `prerequisites`, as far as one does.
pub(crate) fn packages(prerequisites: &[Prerequisite]) -> BTreeSet<&'static str> {
    prerequisites
        .iter()
        .flat_map(|it| it.packages.iter().copied())
        .collect()
}

fn cargo_itself() -> Prerequisite {
    let located = output(Command::new(cargo()).arg("--version")).map_err(|error| error.to_string());
    let remedy = "install Rust from https://rustup.rs".to_owned();
    Prerequisite::with_remedy("cargo", remedy, &[], located)
}

fn on_other_hosts() -> Vec<Prerequisite> {
    /// One compiler and its libraries' sources, for drivers and programs.
    const DEBIAN_COMPILER: [&str; 2] = ["rustc-web", "rust-web-src"];
    let located = |path: Result<PathBuf, Missing>| match path {
        Ok(path) => Ok(path.display().to_string()),
        Err(missing) => Err(missing.sought),
    };
    let libclang = driver_prerequisites::clang().map(|clang| clang.library);
    vec![
        Prerequisite::packaged(COMPILERS[0], &DEBIAN_COMPILER, version(Compiler::find())),
        Prerequisite::packaged(
            COMPILERS[1],
            &DEBIAN_COMPILER,
            version(Compiler::find_for_programs()),
        )
        .for_purpose(Purpose::Check),
        Prerequisite::packaged("clippy for Windows", &["rust-web-clippy"], clippy())
            .for_purpose(Purpose::Check),
        Prerequisite::packaged("lld-link", &["lld"], linker()),
        Prerequisite::packaged("clang", &["clang"], clang()),
        Prerequisite::packaged(
            "llvm-dlltool",
            &["llvm"],
            located(driver_prerequisites::dlltool()),
        ),
        Prerequisite::packaged(
            "llvm-rc",
            &["llvm"],
            located(driver_prerequisites::resource_compiler()),
        ),
        Prerequisite::packaged("libclang", &["libclang-dev"], located(libclang)),
        Prerequisite::packaged(
            "driver headers",
            &["mingw-w64-common"],
            located(driver_prerequisites::headers()),
        ),
        Prerequisite::packaged(
            "import libraries",
            &["mingw-w64-x86-64-dev"],
            located(driver_prerequisites::import_libraries()),
        ),
        Prerequisite::packaged(
            "gcc for Windows",
            &["gcc-mingw-w64-x86-64"],
            located(driver_prerequisites::program_linker()),
        )
        .for_purpose(Purpose::Check),
        Prerequisite::packaged(
            "osslsigncode",
            &["osslsigncode"],
            located(driver_prerequisites::signer()),
        )
        .for_purpose(Purpose::Package),
        Prerequisite::packaged(
            "openssl",
            &["openssl"],
            located(driver_prerequisites::key_maker()),
        )
        .for_purpose(Purpose::Package),
        Prerequisite::packaged("Wine", &["wine", "wine64"], wine()).for_purpose(Purpose::Wine),
        Prerequisite::packaged("QEMU", &["qemu-system-x86"], program("qemu-system-x86_64"))
            .for_purpose(Purpose::Vm),
        Prerequisite::packaged(
            "mmdebstrap",
            &["mmdebstrap", "debian-archive-keyring"],
            program("mmdebstrap"),
        )
        .for_purpose(Purpose::Vm),
        Prerequisite::packaged("mke2fs", &["e2fsprogs"], program("mke2fs"))
            .for_purpose(Purpose::Vm),
        Prerequisite::packaged("OpenSSH's client", &["openssh-client"], program("sftp"))
            .for_purpose(Purpose::Vm),
        // The tests reach a machine by SSH on this host.
        Prerequisite::packaged("OpenSSH's server", &["openssh-server"], program("sshd"))
            .for_purpose(Purpose::Vm),
        Prerequisite::packaged("Chromium", &["chromium"], program(CHROMIUM))
            .for_purpose(Purpose::Page),
        Prerequisite::packaged("ChromeDriver", &["chromium-driver"], program(CHROMEDRIVER))
            .for_purpose(Purpose::Page),
        Prerequisite::packaged("valgrind", &["valgrind"], program("valgrind"))
            .for_purpose(Purpose::Bench),
        Prerequisite::packaged("Slurm", &["slurm-wlm"], program("slurmctld"))
            .for_purpose(Purpose::Scale),
        Prerequisite::packaged("MUNGE", &["munge"], program("munged")).for_purpose(Purpose::Scale),
    ]
}

/// A program on PATH, or in the administrator's directories.
fn program(name: &str) -> Result<String, String> {
    /// Not on everybody's PATH.
    const MORE: &str = "/usr/sbin:/sbin";
    which::which(name)
        .or_else(|_| which::which_in(name, Some(MORE), "."))
        .map(|path| path.display().to_string())
        .map_err(|_| format!("{name} on PATH or in {MORE}"))
}

fn version(compiler: anyhow::Result<Compiler>) -> Result<String, String> {
    compiler
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

/// The compiler of the zoo's modules.
fn clang() -> Result<String, String> {
    let path = which::which("clang").map_err(|_| "clang on PATH".to_owned())?;
    output(Command::new(path).arg("--version"))
        .map(|text| text.lines().next().unwrap_or_default().to_owned())
        .map_err(|error| error.to_string())
}

fn linker() -> Result<String, String> {
    let path = driver_prerequisites::linker().map_err(|missing| missing.sought)?;
    output(Command::new(path).arg("--version")).map_err(|error| error.to_string())
}

/// A coarse list: Microsoft's `wdk-build` reports the details of what it lacks.
fn on_windows() -> Vec<Prerequisite> {
    let target = "rustup target add x86_64-pc-windows-msvc".to_owned();
    let clang = "winget install LLVM.LLVM".to_owned();
    let kit = "winget install Microsoft.WindowsWDK.10.0.26100".to_owned();
    let signtool = windows_kit::program("signtool.exe").map(|path| path.display().to_string());
    vec![
        Prerequisite::with_remedy(COMPILERS[0], target, &[], version(Compiler::find())),
        Prerequisite::with_remedy("LLVM", clang, &[], llvm_on_windows()),
        Prerequisite::with_remedy("Windows Driver Kit", kit.clone(), &[], kit_on_windows()),
        Prerequisite::with_remedy("signtool", kit, &[], signtool).for_purpose(Purpose::Package),
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
    fn a_browser_is_needed_for_the_page_alone() {
        assert!(Purpose::Page.includes(Purpose::Check));
        assert!(!Purpose::Page.includes(Purpose::Package));
        assert!(!Purpose::Vm.includes(Purpose::Page));
        assert!(!Purpose::Scale.includes(Purpose::Bench));
        assert!(Purpose::Vm.includes(Purpose::Wine));
    }

    #[test]
    fn packages_are_named_once() {
        let part = |packages: &[&'static str]| {
            Prerequisite::packaged("x", packages, Err("somewhere".to_owned()))
        };
        let parts = [part(&["b", "a"]), part(&[]), part(&["b"])];
        assert_eq!(Vec::from_iter(packages(&parts)), ["a", "b"]);
    }
}
