// SPDX-License-Identifier: MIT OR Apache-2.0

//! A prefix's registry, as the text it is kept in while no session runs.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};

/// Keeps Wine from starting a debugger, which takes half a second, for each
/// process that dies. What died is printed all the same.
pub(crate) fn without_debugger(prefix: &Path) -> Result<()> {
    let path = prefix.join("system.reg");
    let shown = path.display();
    let text = fs::read_to_string(&path).with_context(|| format!("{shown} cannot be read"))?;
    let changed: Vec<_> = text
        .lines()
        .map(|line| {
            if line.starts_with("\"Debugger\"=\"winedbg") {
                "\"Debugger\"=\"\""
            } else {
                line
            }
        })
        .collect();
    let changed = changed.join("\n") + "\n";
    ensure!(
        changed != text,
        "{shown} names no debugger: this Wine is unlike those that are known to work"
    );
    fs::write(&path, changed).with_context(|| format!("{shown} cannot be written"))
}
