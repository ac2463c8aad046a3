// SPDX-License-Identifier: MIT OR Apache-2.0

//! Lists, tables, strings, dates, and numbers that processors share.

mod cases;
pub(crate) mod conversions;
pub(crate) mod counted;
mod dates;
pub(crate) mod formats;
pub(crate) mod lists;
mod numerals;
pub(crate) mod strings;
mod tables;

use crate::loader::export::Export;

/// What the files of this folder export.
pub(super) const TABLES: &[&[Export]] = &[
    cases::EXPORTS,
    conversions::EXPORTS,
    counted::EXPORTS,
    dates::EXPORTS,
    lists::EXPORTS,
    numerals::EXPORTS,
    strings::EXPORTS,
    tables::BALANCED,
    tables::SPLAY,
];
