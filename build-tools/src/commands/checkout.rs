// SPDX-License-Identifier: MIT OR Apache-2.0

//! The commands that need a checkout of this project.

pub(super) mod lint;
pub(super) mod package;
pub(super) mod test;
pub(super) mod vm;
pub(super) mod zoo;

/// Their names.
pub(crate) const NAMES: [&str; 5] = ["package", "test", "zoo", "vm", "lint"];
