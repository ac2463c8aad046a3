// SPDX-License-Identifier: MIT OR Apache-2.0

//! One cycle from its script to its outcome: drivers are loaded and unloaded,
//! programs use their devices, and cycles that fail are made shorter.

pub(crate) mod application;
pub(crate) mod machine;
pub(crate) mod matrix;
pub(crate) mod minimise;
pub(crate) mod programs;
pub(crate) mod scm;
pub(crate) mod script;
pub(crate) mod unload;
