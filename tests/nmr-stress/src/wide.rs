// SPDX-License-Identifier: MIT OR Apache-2.0

//! Strings in UTF-16.

use std::ffi::OsStr;
use std::os::windows::ffi::OsStrExt;

/// Converts `text` to NUL-terminated UTF-16.
pub(crate) fn wide(text: impl AsRef<OsStr>) -> Vec<u16> {
    text.as_ref().encode_wide().chain([0]).collect()
}
