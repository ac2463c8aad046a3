// SPDX-License-Identifier: MIT OR Apache-2.0

//! What runs of the pair under Wine need: the kit, built, and prefixes with it.

use anyhow::Result;
use wine::{IMAGES, Kit, Prefix};

use crate::workspace::Workspace;
use crate::{build, program};

/// How reports name it.
pub(crate) const TIER: &str = "wine";

/// Builds everything; `None` if something does not build.
pub(crate) fn kit(workspace: &Workspace) -> Result<Option<Kit>> {
    let Some(images) = build::images(workspace, &IMAGES)? else {
        return Ok(None);
    };
    let program = program::build(workspace)?;
    Ok(program.map(|program| Kit::new(images, program)))
}

/// A prefix with all of the kit.
pub(crate) fn prefix(workspace: &Workspace, kit: &Kit) -> Result<Prefix> {
    let prefix = Prefix::create(&workspace.target().join("wine"))?;
    kit.install(&prefix)?;
    Ok(prefix)
}

/// As many such prefixes as sessions are to run side by side.
pub(crate) fn prefixes(workspace: &Workspace, kit: &Kit, count: usize) -> Result<Vec<Prefix>> {
    let mut prefixes = vec![prefix(workspace, kit)?];
    while prefixes.len() < count {
        prefixes.push(prefixes[0].twin()?);
    }
    Ok(prefixes)
}
