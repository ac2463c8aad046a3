// SPDX-License-Identifier: MIT OR Apache-2.0

//! The atomics, or the model checker's, and a spin lock over either.

#[cfg(not(loom))]
pub use core::sync::atomic;
#[cfg(loom)]
pub use loom::sync::atomic;

mod spin_lock;

pub use spin_lock::SpinLock;
