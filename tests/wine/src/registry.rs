// SPDX-License-Identifier: MIT OR Apache-2.0

//! A prefix's registry, as the text file that it is while no session runs.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};

/// Removes what only costs time: the debugger, which Wine starts for each crashed process
/// although it logs the crash itself, and the root devices, which its kernel enumerates at
/// each load of a driver.
pub(crate) fn reduce(prefix: &Path) -> Result<()> {
    let path = prefix.join("system.reg");
    let shown = path.display();
    let text = fs::read_to_string(&path).with_context(|| format!("{shown} cannot be read"))?;
    let changed = without_debugger(&without_root_devices(&text));
    for removed in [DEBUGGER, ROOT_DEVICES] {
        ensure!(
            text.contains(removed) && !changed.contains(removed),
            "{shown} has no {removed}: this version of Wine is not supported"
        );
    }
    fs::write(&path, changed).with_context(|| format!("{shown} cannot be written"))
}

const DEBUGGER: &str = "\n\"Debugger\"=\"winedbg";
const ROOT_DEVICES: &str = "\n[System\\\\CurrentControlSet\\\\Enum\\\\ROOT\\\\";

fn without_debugger(text: &str) -> String {
    let line = |line| {
        if str::starts_with(line, &DEBUGGER[1..]) {
            "\"Debugger\"=\"\"\n"
        } else {
            line
        }
    };
    text.split_inclusive('\n').map(line).collect()
}

/// Removes keys, which are blocks of lines separated by empty lines.
fn without_root_devices(text: &str) -> String {
    text.split_inclusive("\n\n")
        .filter(|key| !key.trim_start_matches('\n').starts_with(&ROOT_DEVICES[1..]))
        .collect()
}
