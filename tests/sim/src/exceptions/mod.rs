// SPDX-License-Identifier: MIT OR Apache-2.0

//! Structured exceptions on their way to the handlers of drivers.
//!
//! An instruction that faults leads its thread to [`stub`] by its signal. A function of the
//! kernel that raises an exception returns; the thunk then leads the thread there instead of
//! to the caller. A function of the kernel that faults itself is abandoned.
//!
//! Reference: <https://learn.microsoft.com/cpp/build/exception-handling-x64>.

mod calls;
mod context;
mod dispatch;
mod frames;

pub(crate) use calls::faulted;
pub(crate) use context::stub;
