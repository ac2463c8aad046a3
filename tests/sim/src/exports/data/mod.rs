// SPDX-License-Identifier: MIT OR Apache-2.0

//! Lists, tables, strings, and numbers that processors share.

pub(crate) mod conversions;
pub(crate) mod counted;
pub(crate) mod formats;
pub(crate) mod lists;
pub(crate) mod strings;
mod tables;

use crate::loader::export::Export;

/// What the files of this folder export.
pub(super) const TABLES: &[&[Export]] = &[
    conversions::EXPORTS,
    counted::EXPORTS,
    lists::EXPORTS,
    strings::EXPORTS,
    tables::BALANCED,
    tables::SPLAY,
];
