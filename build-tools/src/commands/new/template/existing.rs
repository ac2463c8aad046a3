// SPDX-License-Identifier: MIT OR Apache-2.0

//! The NPI of a workspace that `new` wrote before.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use npi_description::{Npi, NpiId};

use crate::terminal::PROGRAM;

/// The NPI that `description` is of, which must be as `new` writes it: new drivers speak no
/// other.
pub(in super::super) fn npi_of(description: &Path) -> Result<NpiId> {
    let [given] = <[Npi; 1]>::try_from(npi_description::read(&[description])?)
        .ok()
        .context("one file describes one NPI")?;
    let id = given.id;
    let mut example = npi_description::parse(description, super::DESCRIPTION)?;
    example.id = id;
    example.name.clone_from(&given.name);
    example.provider.module_id = given.provider.module_id;
    example.client.module_id = given.client.module_id;
    ensure!(
        example == given,
        "{} has other structures or functions than `new` writes: write the drivers from \
         `{PROGRAM} header`",
        description.display()
    );
    Ok(id)
}
