// SPDX-License-Identifier: MIT OR Apache-2.0

//! Security identifiers, access control lists, security descriptors, and access checks.
//!
//! Reference: <https://learn.microsoft.com/windows-hardware/drivers/ddi/ntifs/>

mod access;
mod descriptors;
mod lists;
mod sids;
mod subjects;

pub(super) use descriptors::self_relative;

use crate::loader::export::Export;

/// What the files of this folder export.
pub(super) const TABLES: &[&[Export]] = &[
    access::EXPORTS,
    descriptors::EXPORTS,
    lists::EXPORTS,
    sids::EXPORTS,
    subjects::EXPORTS,
    &[Export::variable("SeExports")],
];
