// SPDX-License-Identifier: MIT OR Apache-2.0

//! The import libraries that a driver is linked with.
//!
//! `lld-link` reads mingw-w64's library, under the name that it expects. The imports that
//! it lacks are in a second library, made from `additions.def`. The Network Module
//! Registrar is in `netio.lib`, which mingw-w64 does not have; drivers in C link it.
//! The crate `tracelogging` names `rpcrt4.lib`, of which a driver uses nothing.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::{ConfigError, IoError};

const ADDITIONS: &str = include_str!("additions.def");
const REGISTRAR: &str = include_str!("netio.def");
const UUIDS: &str = include_str!("rpcrt4.def");

/// The libraries by the name that the bindings link.
const KERNEL: &str = "ntoskrnl";
const KERNEL_ADDITIONS: &str = "ntoskrnl_additions";

/// Writes the libraries to `out_dir`, and returns the directory to search.
pub(crate) fn make(out_dir: &Path) -> Result<PathBuf, ConfigError> {
    let kernel = driver_prerequisites::import_libraries()?.join("libntoskrnl.a");
    let copy = out_dir.join(format!("{KERNEL}.lib"));
    fs::copy(&kernel, &copy).map_err(|error| IoError::with_path(kernel, error))?;

    for (library, exports) in [
        (KERNEL_ADDITIONS, ADDITIONS),
        ("netio", REGISTRAR),
        ("rpcrt4", UUIDS),
    ] {
        make_one(out_dir, library, exports)?;
    }
    Ok(out_dir.to_path_buf())
}

/// Makes the import library of these exports.
fn make_one(out_dir: &Path, library: &str, text: &str) -> Result<(), ConfigError> {
    let exports = out_dir.join(format!("{library}.def"));
    fs::write(&exports, text).map_err(|error| IoError::with_path(&exports, error))?;
    let dlltool = driver_prerequisites::dlltool()?;
    let output = Command::new(&dlltool)
        .args(["-m", "i386:x86-64", "-d"])
        .arg(&exports)
        .arg("-l")
        .arg(out_dir.join(format!("{library}.lib")))
        .output()
        .map_err(|error| IoError::with_path(&dlltool, error))?;
    if !output.status.success() {
        return Err(ConfigError::Program {
            program: dlltool,
            status: output.status,
            stderr: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        });
    }
    Ok(())
}

/// The Rust source with which `wdk-sys` links them.
pub(crate) fn link_lines() -> String {
    [KERNEL, KERNEL_ADDITIONS]
        .map(|name| {
            format!(
                "#[cfg(not(any(test, feature = \"suppress-wdk-linking\")))]\n\
                 #[link(name = \"{name}\", kind = \"static\", modifiers = \"-bundle\")]\n\
                 unsafe extern \"C\" {{}}\n"
            )
        })
        .concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_addition_is_declared_and_exported() {
        let header = include_str!("additions.h");
        let names: Vec<_> = ADDITIONS
            .lines()
            .skip_while(|line| *line != "EXPORTS")
            .skip(1)
            .map(str::trim)
            .collect();
        assert!(!names.is_empty());
        for name in &names {
            assert!(header.contains(&format!(" {name}(")), "{name}");
        }
        let declared = header.matches("NTKERNELAPI").count();
        assert_eq!(declared, names.len());
    }

    #[test]
    fn the_bindings_link_both_libraries() {
        let lines = link_lines();
        assert!(lines.contains("name = \"ntoskrnl\""));
        assert!(lines.contains("name = \"ntoskrnl_additions\""));
        assert_eq!(lines.matches("suppress-wdk-linking").count(), 2);
    }
}
