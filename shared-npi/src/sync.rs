// SPDX-License-Identifier: MIT OR Apache-2.0

//! The atomics, or the model checker's, and a spin lock over either.

#[cfg(not(loom))]
pub(crate) use core::sync::atomic;
#[cfg(loom)]
pub(crate) use loom::sync::atomic;

mod spin_lock;

pub(crate) use spin_lock::SpinLock;
