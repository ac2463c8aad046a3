// SPDX-License-Identifier: MIT OR Apache-2.0

//! Finds what replaces a WDK on hosts other than Windows: headers, import libraries,
//! libclang and LLVM's programs.
//!
//! # Design
//!
//! `cargo xtask doctor` and the drop-in `wdk-build` must agree on the path of each
//! prerequisite and on its package. The search changes nothing and runs no program; only
//! libclang is loaded and unloaded.
//!
//! # Limits
//!
//! The package names are those of Debian and its derivatives. On other distributions, the
//! usual directories are searched.

use std::path::{Path, PathBuf};

/// Directories of mingw-w64's headers, by distribution.
const HEADERS: [&str; 3] = [
    "/usr/share/mingw-w64/include",
    "/usr/x86_64-w64-mingw32/include",
    "/usr/x86_64-w64-mingw32/sys-root/mingw/include",
];

/// Directories of mingw-w64's import libraries, by distribution.
const LIBRARIES: [&str; 2] = [
    "/usr/x86_64-w64-mingw32/lib",
    "/usr/x86_64-w64-mingw32/sys-root/mingw/lib",
];

/// The newest LLVM version in the search for programs with versioned names.
const NEWEST_LLVM: u8 = 24;
/// The oldest supported LLVM version.
const OLDEST_LLVM: u8 = 14;

/// Options of `lld-link` for an image that Windows loads.
///
/// `lld-link` does not know `/KERNEL` and `/MAPINFO`, and leaves sections pageable by
/// default: its attribute `P` sets `NOT_PAGED`, the opposite of `link.exe`'s. Nothing reads
/// the resources in memory: their section is discardable, as `link.exe` makes it. The image has
/// no time stamp, and rustc makes it refer to its .pdb without a path.
pub const LINK_OPTIONS: [&str; 18] = [
    "/DRIVER",
    "/NODEFAULTLIB",
    "/SUBSYSTEM:NATIVE",
    "/ENTRY:DriverEntry",
    "/NXCOMPAT",
    "/DYNAMICBASE",
    "/HIGHENTROPYVA",
    "/INTEGRITYCHECK",
    "/OPT:REF,ICF",
    "/MANIFEST:NO",
    "/MERGE:.retplne=INIT",
    "/SECTION:.text,PRE",
    "/SECTION:.rdata,PR",
    "/SECTION:.pdata,PR",
    "/SECTION:.xdata,PR",
    "/SECTION:.data,PRW",
    "/SECTION:.rsrc,DR",
    "/Brepro",
];

/// A missing prerequisite.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name} not found ({sought}): apt-get install {package}")]
pub struct Missing {
    /// Its name.
    pub name: &'static str,
    /// What was searched, and where.
    pub sought: String,
    /// The Debian package that contains it.
    pub package: &'static str,
}

/// libclang, and the headers of the same version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clang {
    /// The shared library.
    pub library: PathBuf,
    /// The directory of the compiler's headers, such as `stddef.h`.
    pub headers: PathBuf,
}

/// The directory of the user-mode headers; those of kernel mode are in `ddk` below it.
///
/// # Errors
///
/// [`Missing`], if no known directory has `ddk/ntifs.h`.
pub fn headers() -> Result<PathBuf, Missing> {
    directory_with(&HEADERS, "ddk/ntifs.h").ok_or_else(|| Missing {
        name: "the mingw-w64 driver headers",
        sought: sought(&HEADERS, "ddk/ntifs.h"),
        package: "mingw-w64-common",
    })
}

/// The directory of `libntoskrnl.a`.
///
/// # Errors
///
/// [`Missing`], if no known directory has it.
pub fn import_libraries() -> Result<PathBuf, Missing> {
    directory_with(&LIBRARIES, "libntoskrnl.a").ok_or_else(|| Missing {
        name: "the mingw-w64 import libraries",
        sought: sought(&LIBRARIES, "libntoskrnl.a"),
        package: "mingw-w64-x86-64-dev",
    })
}

/// LLVM's `dlltool`, which makes import libraries.
///
/// # Errors
///
/// [`Missing`], if it is not on PATH.
pub fn dlltool() -> Result<PathBuf, Missing> {
    llvm_program("llvm-dlltool", "llvm")
}

/// LLVM's compiler of Windows resources.
///
/// # Errors
///
/// [`Missing`], if it is not on PATH.
pub fn resource_compiler() -> Result<PathBuf, Missing> {
    llvm_program("llvm-rc", "llvm")
}

/// LLVM's linker for Windows images.
///
/// # Errors
///
/// [`Missing`], if it is not on PATH.
pub fn linker() -> Result<PathBuf, Missing> {
    llvm_program("lld-link", "lld")
}

/// mingw-w64's linker, for programs of user mode.
///
/// # Errors
///
/// [`Missing`], if it is not on PATH.
pub fn program_linker() -> Result<PathBuf, Missing> {
    program("x86_64-w64-mingw32-gcc", "gcc-mingw-w64-x86-64")
}

/// `osslsigncode`, which signs images.
///
/// # Errors
///
/// [`Missing`], if it is not on PATH.
pub fn signer() -> Result<PathBuf, Missing> {
    program("osslsigncode", "osslsigncode")
}

/// `openssl`, which makes the key and the certificate.
///
/// # Errors
///
/// [`Missing`], if it is not on PATH.
pub fn key_maker() -> Result<PathBuf, Missing> {
    program("openssl", "openssl")
}

/// libclang, as `bindgen` loads it.
///
/// # Errors
///
/// [`Missing`], if it cannot be loaded or its headers are missing.
pub fn clang() -> Result<Clang, Missing> {
    let missing = |sought| Missing {
        name: "libclang",
        sought,
        package: "libclang-dev",
    };
    clang_sys::load().map_err(missing)?;
    let library = clang_sys::get_library().map(|library| library.path().to_owned());
    clang_sys::unload().map_err(missing)?;
    let library = library.ok_or_else(|| missing("a library that stays loaded".to_owned()))?;
    let headers = resource_headers(&library)
        .ok_or_else(|| missing(format!("the stddef.h of {}", library.display())))?;
    Ok(Clang { library, headers })
}

/// The headers of `library`: beside it, or in the distribution's directory of its LLVM
/// version.
fn resource_headers(library: &Path) -> Option<PathBuf> {
    let library = library.canonicalize().ok()?;
    let beside = library.parent()?.join("clang");
    let Some(major) = major_version(&library) else {
        return version_in(&beside, "");
    };
    let per_version = PathBuf::from(format!("/usr/lib/llvm-{major}/lib/clang"));
    [&beside, &per_version, Path::new("/usr/lib/clang")]
        .into_iter()
        .find_map(|directory| version_in(directory, &major))
}

/// The major version: 14 for `libclang-14.so.14.0.6` or `libclang.so.14`.
fn major_version(library: &Path) -> Option<String> {
    let name = library.file_name()?.to_str()?;
    let digits = name.trim_start_matches(|c: char| !c.is_ascii_digit());
    let end = digits.find(|c: char| !c.is_ascii_digit());
    let major = &digits[..end.unwrap_or(digits.len())];
    (!major.is_empty()).then(|| major.to_owned())
}

/// The `include` directory of that version below `directory`.
fn version_in(directory: &Path, major: &str) -> Option<PathBuf> {
    let mut found: Vec<_> = directory
        .read_dir()
        .ok()?
        .filter_map(Result::ok)
        .filter(|entry| {
            let name = entry.file_name().to_string_lossy().into_owned();
            major.is_empty() || name.split('.').next() == Some(major)
        })
        .map(|entry| entry.path().join("include"))
        .filter(|include| include.join("stddef.h").is_file())
        .collect();
    found.sort();
    found.pop()
}

fn program(name: &'static str, package: &'static str) -> Result<PathBuf, Missing> {
    which::which(name).map_err(|_| Missing {
        name,
        sought: format!("{name} on PATH"),
        package,
    })
}

/// Finds a program of LLVM; Debian appends the version to its name.
fn llvm_program(name: &'static str, package: &'static str) -> Result<PathBuf, Missing> {
    let versioned = (OLDEST_LLVM..=NEWEST_LLVM)
        .rev()
        .map(|version| format!("{name}-{version}"));
    std::iter::once(name.to_owned())
        .chain(versioned)
        .find_map(|name| which::which(name).ok())
        .ok_or_else(|| Missing {
            name,
            sought: format!("{name} or {name}-{OLDEST_LLVM} and later on PATH"),
            package,
        })
}

fn directory_with(directories: &[&str], file: &str) -> Option<PathBuf> {
    directories
        .iter()
        .map(PathBuf::from)
        .find(|directory| directory.join(file).is_file())
}

fn sought(directories: &[&str], file: &str) -> String {
    format!("{file} in {}", directories.join(", "))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_version_is_part_of_the_file_name() {
        let major = |name: &str| major_version(Path::new(name));
        assert_eq!(major("/lib/libclang-14.so.14.0.6").as_deref(), Some("14"));
        assert_eq!(major("/lib/libclang.so.19.1").as_deref(), Some("19"));
        assert_eq!(major("/lib/libclang.so"), None);
    }

    #[test]
    fn headers_have_the_version_of_the_library() {
        let root = tempfile::tempdir().expect("a directory");
        let library = root.path().join("libclang-14.so.14.0.6");
        fs::write(&library, "").expect("written");
        for version in ["14.0.6", "15.0.1"] {
            let include = root.path().join("clang").join(version).join("include");
            fs::create_dir_all(&include).expect("made");
            fs::write(include.join("stddef.h"), "").expect("written");
        }
        let headers = resource_headers(&library).expect("found");
        assert!(headers.ends_with("clang/14.0.6/include"));
    }

    #[test]
    fn a_missing_program_is_reported_with_its_package() {
        let missing = llvm_program("no-such-program", "llvm").expect_err("missing");
        let text = missing.to_string();
        assert!(text.starts_with("no-such-program not found"), "{text}");
        assert!(text.ends_with("apt-get install llvm"), "{text}");
        assert_eq!(directory_with(&["/nowhere"], "x.h"), None);
    }
}
