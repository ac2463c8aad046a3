// SPDX-License-Identifier: MIT OR Apache-2.0

//! Structured exceptions on their way to the handlers of drivers.
//!
//! The signal of a faulting instruction sends its thread to [`stub`]. A kernel function that
//! raises an exception returns; the thunk then sends the thread there instead of to the caller.
//! A kernel function that itself faults is abandoned.
//!
//! Reference: <https://learn.microsoft.com/cpp/build/exception-handling-x64>.

mod calls;
mod context;
mod dispatch;
mod frames;

pub(crate) use calls::faulted;
pub(crate) use context::stub;
