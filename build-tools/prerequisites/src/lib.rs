// SPDX-License-Identifier: MIT OR Apache-2.0

//! Finds what takes the place of a WDK on a host that is not Windows: headers,
//! import libraries, libclang and LLVM's programs.
//!
//! # Design
//!
//! `cargo xtask doctor` and the drop-in `wdk-build` must agree on where a part
//! is and which package has it, so that is said once, here. Finding a part
//! changes nothing and runs no program; only libclang is loaded and let go.
//!
//! # Limits
//!
//! The packages are Debian's and those of its descendants. Parts of other
//! distributions are found where those are known to put them.

use std::path::{Path, PathBuf};

/// Where distributions keep the mingw-w64 headers.
const HEADERS: [&str; 3] = [
    "/usr/share/mingw-w64/include",
    "/usr/x86_64-w64-mingw32/include",
    "/usr/x86_64-w64-mingw32/sys-root/mingw/include",
];

/// Where distributions keep the mingw-w64 import libraries.
const LIBRARIES: [&str; 2] = [
    "/usr/x86_64-w64-mingw32/lib",
    "/usr/x86_64-w64-mingw32/sys-root/mingw/lib",
];

/// The newest LLVM whose programs are looked for under a versioned name.
const NEWEST_LLVM: u8 = 24;
/// The oldest one that is known to work.
const OLDEST_LLVM: u8 = 14;

/// How `lld-link` makes an image that Windows loads.
///
/// `/KERNEL` and `/MAPINFO` are unknown to it, and it leaves the sections
/// pageable unless told: its attribute `P` sets `NOT_PAGED`, the opposite of
/// `link.exe`'s. The image has no time stamp, and rustc sees to it that it names
/// its .pdb without a path.
pub const LINK_OPTIONS: [&str; 17] = [
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
    "/Brepro",
];

/// A part that is not there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{part} not found ({sought}): apt-get install {package}")]
pub struct Missing {
    /// What it is.
    pub part: &'static str,
    /// What was looked for, and where.
    pub sought: String,
    /// The Debian package that has it.
    pub package: &'static str,
}

/// libclang, and the headers that belong to exactly this version of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clang {
    /// The shared library.
    pub library: PathBuf,
    /// The directory of `stddef.h` and its like.
    pub headers: PathBuf,
}

/// The headers of user mode; those of kernel mode are in `ddk` below them.
///
/// # Errors
///
/// [`Missing`], if no known directory has `ddk/ntifs.h`.
pub fn headers() -> Result<PathBuf, Missing> {
    directory_with(&HEADERS, "ddk/ntifs.h").ok_or_else(|| Missing {
        part: "the mingw-w64 driver headers",
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
        part: "the mingw-w64 import libraries",
        sought: sought(&LIBRARIES, "libntoskrnl.a"),
        package: "mingw-w64-x86-64-dev",
    })
}

/// LLVM's maker of import libraries.
///
/// # Errors
///
/// [`Missing`], if it is not on the search path.
pub fn dlltool() -> Result<PathBuf, Missing> {
    llvm_program("llvm-dlltool", "llvm")
}

/// LLVM's linker for Windows images.
///
/// # Errors
///
/// [`Missing`], if it is not on the search path.
pub fn linker() -> Result<PathBuf, Missing> {
    llvm_program("lld-link", "lld")
}

/// mingw-w64's linker, for programs of user mode.
///
/// # Errors
///
/// [`Missing`], if it is not on the search path.
pub fn program_linker() -> Result<PathBuf, Missing> {
    program("x86_64-w64-mingw32-gcc", "gcc-mingw-w64-x86-64")
}

/// What puts Authenticode signatures into images.
///
/// # Errors
///
/// [`Missing`], if it is not on the search path.
pub fn signer() -> Result<PathBuf, Missing> {
    program("osslsigncode", "osslsigncode")
}

/// What makes the key and the certificate to sign with.
///
/// # Errors
///
/// [`Missing`], if it is not on the search path.
pub fn key_maker() -> Result<PathBuf, Missing> {
    program("openssl", "openssl")
}

/// libclang, as `bindgen` would load it.
///
/// # Errors
///
/// [`Missing`], if it cannot be loaded or came without its headers.
pub fn clang() -> Result<Clang, Missing> {
    let missing = |sought| Missing {
        part: "libclang",
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

/// The headers that came with `library`: beside it, or in the directory that
/// distributions keep per LLVM version.
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

/// 14, of `libclang-14.so.14.0.6` or `libclang.so.14`.
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
        part: name,
        sought: format!("{name} on PATH"),
        package,
    })
}

/// Debian names the programs of each LLVM version apart.
fn llvm_program(name: &'static str, package: &'static str) -> Result<PathBuf, Missing> {
    let versioned = (OLDEST_LLVM..=NEWEST_LLVM)
        .rev()
        .map(|version| format!("{name}-{version}"));
    std::iter::once(name.to_owned())
        .chain(versioned)
        .find_map(|name| which::which(name).ok())
        .ok_or_else(|| Missing {
            part: name,
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
    fn the_version_is_in_the_librarys_name() {
        let major = |name: &str| major_version(Path::new(name));
        assert_eq!(major("/lib/libclang-14.so.14.0.6").as_deref(), Some("14"));
        assert_eq!(major("/lib/libclang.so.19.1").as_deref(), Some("19"));
        assert_eq!(major("/lib/libclang.so"), None);
    }

    #[test]
    fn headers_are_those_of_the_librarys_version() {
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
    fn what_is_missing_is_named_with_its_package() {
        let missing = llvm_program("no-such-program", "llvm").expect_err("missing");
        let text = missing.to_string();
        assert!(text.starts_with("no-such-program not found"), "{text}");
        assert!(text.ends_with("apt-get install llvm"), "{text}");
        assert_eq!(directory_with(&["/nowhere"], "x.h"), None);
    }
}
