// SPDX-License-Identifier: MIT OR Apache-2.0

//! cargo-deny: the advisories about the dependencies, and the rest of `deny.toml`.

use anyhow::Result;

use crate::terminal::{self, print};
use crate::workspace::{Workspace, output_and_errors, succeeds};

/// How to get the program.
const GET_IT: &str = "get it by `cargo install --locked cargo-deny`";

/// Runs cargo-deny if it is installed; else says that it did not. Returns `true` if
/// nothing is wrong, which includes a missing program unless it is `required`.
pub(super) fn passes(workspace: &Workspace, required: bool) -> Result<bool> {
    let mut version = workspace.cargo();
    let (installed, _) = output_and_errors(version.args(["deny", "--version"]))?;
    if installed {
        return succeeds(workspace.cargo().args(["deny", "--workspace", "check"]));
    }
    if required {
        terminal::error(format!("cargo-deny is not installed: {GET_IT}"));
    } else {
        print(format!(
            "cargo-deny is not installed, advisories are NOT CHECKED: {GET_IT}"
        ));
    }
    Ok(!required)
}
