// SPDX-License-Identifier: MIT OR Apache-2.0

//! The Windows Driver Kit, and the programs that come with it.

use std::env;
use std::path::PathBuf;

use which::which;

/// The kit's directory, whether it exists or not.
pub(crate) fn root() -> PathBuf {
    env::var_os("WDKContentRoot").map_or_else(
        || PathBuf::from(r"C:\Program Files (x86)\Windows Kits\10"),
        PathBuf::from,
    )
}

/// A program of the kit: the one on PATH, else the newest in the kit. The error
/// names what was searched.
pub(crate) fn program(name: &str) -> Result<PathBuf, String> {
    if let Ok(path) = which(name) {
        return Ok(path);
    }
    let programs = root().join("bin");
    let mut found = programs
        .read_dir()
        .into_iter()
        .flatten()
        .filter_map(Result::ok)
        .flat_map(|version| ["x86", "x64"].map(|processor| version.path().join(processor)))
        .map(|directory| directory.join(name))
        .filter(|program| program.is_file())
        .collect::<Vec<_>>();
    found.sort();
    found
        .pop()
        .ok_or_else(|| format!("{name} on PATH or below {}", programs.display()))
}
