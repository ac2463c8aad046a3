// SPDX-License-Identifier: MIT OR Apache-2.0

//! The defect zoo: modules with one known defect each, which `tests/zoo/zoo.toml` and
//! `tests/zoo/known.toml` describe; building them, and trying them in each kernel.
//!
//! A module runs with the driver of the pair that is its peer. Its defect must be found as
//! the catalogue says, and nothing must be found in the same module without the defect.

mod catalogue;
mod defect_index;
pub(crate) mod mutants;
pub(crate) mod sim;
pub(crate) mod wine;
mod workshop;

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde::de::DeserializeOwned;

pub(crate) use catalogue::{Catalogue, Module};
pub(crate) use defect_index::DefectIndex;
pub(crate) use workshop::Workshop;

/// The default seed.
pub(crate) const SEED: u64 = 1;

/// Reads one of the zoo's tables.
fn read<T: DeserializeOwned>(path: &Path) -> Result<T> {
    let text = fs::read_to_string(path)
        .with_context(|| format!("{} cannot be read: restore it", path.display()))?;
    let error = || format!("{} is invalid: correct it", path.display());
    toml::from_str(&text).with_context(error)
}
