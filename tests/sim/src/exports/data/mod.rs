// SPDX-License-Identifier: MIT OR Apache-2.0

//! Lists, tables, strings, dates, and interlocked operations.

mod addresses;
mod bitmaps;
mod cases;
pub(crate) mod conversions;
pub(crate) mod counted;
mod dates;
pub(crate) mod formats;
pub(crate) mod lists;
mod numerals;
pub(crate) mod strings;
mod tables;
mod utf8;

use crate::loader::export::Export;

/// What the files of this folder export.
pub(super) const TABLES: &[&[Export]] = &[
    addresses::EXPORTS,
    bitmaps::EXPORTS,
    cases::EXPORTS,
    conversions::EXPORTS,
    counted::EXPORTS,
    dates::EXPORTS,
    lists::EXPORTS,
    numerals::EXPORTS,
    strings::EXPORTS,
    tables::BALANCED,
    tables::SPLAY,
    utf8::EXPORTS,
];
