// SPDX-License-Identifier: MIT OR Apache-2.0

//! Driver images: how they are mapped, what they import, and which code
//! address belongs to which driver, function and line.

pub(crate) mod drivers;
pub(crate) mod image;
pub(crate) mod symbols;
