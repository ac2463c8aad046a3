// SPDX-License-Identifier: MIT OR Apache-2.0

//! The registry: by handles, by paths, and by tables.

mod information;
mod keys;
mod queries;
mod relative;
mod values;
pub(super) mod watches;

use crate::loader::export::Export;

/// What the files of this folder export.
pub(super) const TABLES: &[&[Export]] = &[
    keys::EXPORTS,
    queries::EXPORTS,
    relative::EXPORTS,
    values::EXPORTS,
    watches::EXPORTS,
];
