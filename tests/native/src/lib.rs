// SPDX-License-Identifier: MIT OR Apache-2.0

//! What the tests' own drivers share: pool, locks, events, threads and a device
//! that user mode sends requests to.
//!
//! # Design
//!
//! These drivers watch and drive the pair from within the kernel. They are not
//! examples: they run out of memory by a bug check and keep no further promise
//! than to tell the truth. Types are those of `windows-sys`; the functions are
//! declared here, because every import must come from `ntoskrnl.exe`: with
//! another one Wine takes a driver for an ordinary DLL.

#![no_std]

extern crate alloc;

pub mod device;
pub mod event;
pub mod image;
pub mod irql;
mod kevent;
pub mod lock;
mod panic;
mod pool;
pub mod print;
pub mod system;
pub mod text;
pub mod thread;
pub mod turn;

/// The compiler's own library refers to it, in functions that are not linked.
#[unsafe(no_mangle)]
static _fltused: i32 = 0;
