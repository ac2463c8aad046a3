// SPDX-License-Identifier: MIT OR Apache-2.0

//! The atomics, or the model checker's.

#[cfg(not(loom))]
pub(crate) use core::sync::atomic;
#[cfg(loom)]
pub(crate) use loom::sync::atomic;
