// SPDX-License-Identifier: MIT OR Apache-2.0

//! Makes Wine prefixes that contain all that a session of the pair needs.

use anyhow::Result;
use wine::{IMAGES, Payload, Prefix};

use super::{drivers, windows_program};
use crate::terminal::Waiting;
use crate::workspace::Workspace;

/// The tier's name in reports.
pub(crate) const TIER: &str = "wine";

/// Builds the files that a prefix needs beside the pair.
pub(crate) fn payload(workspace: &Workspace) -> Result<Option<Payload>> {
    let Some(images) = drivers::images(workspace, &IMAGES)? else {
        return Ok(None);
    };
    let program = windows_program::build(workspace)?;
    Ok(program.map(|program| Payload::new(images, program)))
}

/// A prefix with the payload installed.
pub(crate) fn create(workspace: &Workspace, payload: &Payload) -> Result<Prefix> {
    let prefix = Prefix::create(&workspace.target().join("wine"))?;
    payload.install(&prefix)?;
    Ok(prefix)
}

/// `count` such prefixes, for sessions that run at the same time.
pub(crate) fn create_several(
    workspace: &Workspace,
    payload: &Payload,
    count: usize,
) -> Result<Vec<Prefix>> {
    let _waiting = Waiting::on("making Wine prefixes");
    let mut prefixes = vec![create(workspace, payload)?];
    while prefixes.len() < count {
        prefixes.push(prefixes[0].duplicate()?);
    }
    Ok(prefixes)
}
