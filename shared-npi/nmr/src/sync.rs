// SPDX-License-Identifier: MIT OR Apache-2.0

//! Atomics, which are the model checker's in its tests, and a spin lock.

#[cfg(not(loom))]
pub use core::sync::atomic;
#[cfg(loom)]
pub use loom::sync::atomic;

mod spin_lock;

pub use spin_lock::SpinLock;
