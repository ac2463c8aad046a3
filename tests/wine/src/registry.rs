// SPDX-License-Identifier: MIT OR Apache-2.0

//! A prefix's registry, as the text it is kept in while no session runs.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};

/// Takes out what costs time and is of no use here: the debugger, which Wine
/// starts for each process that dies although what died is printed all the same,
/// and the root devices, which its kernel enumerates at each load of a driver.
pub(crate) fn reduce(prefix: &Path) -> Result<()> {
    let path = prefix.join("system.reg");
    let shown = path.display();
    let text = fs::read_to_string(&path).with_context(|| format!("{shown} cannot be read"))?;
    let changed = without_debugger(&without_root_devices(&text));
    for gone in [DEBUGGER, ROOT_DEVICES] {
        ensure!(
            text.contains(gone) && !changed.contains(gone),
            "{shown} has no {gone}: this Wine is unlike those that are known to work"
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

/// Keys are blocks of lines, each with an empty one behind.
fn without_root_devices(text: &str) -> String {
    text.split_inclusive("\n\n")
        .filter(|key| !key.trim_start_matches('\n').starts_with(&ROOT_DEVICES[1..]))
        .collect()
}
