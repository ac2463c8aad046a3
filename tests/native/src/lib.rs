// SPDX-License-Identifier: MIT OR Apache-2.0

//! Kernel-mode support of the tests' own drivers: pool, locks, events, threads, and a
//! device for requests of user mode.
//!
//! # Design
//!
//! These drivers observe and drive the pair from within the kernel. They are not examples:
//! a failed allocation is a bug check. Types are those of `windows-sys`; functions are
//! declared here, because every import must be from `ntoskrnl.exe`: with any other import,
//! Wine loads a driver as an ordinary DLL.

#![no_std]

extern crate alloc;

pub mod blocking_lock;
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

/// Referenced by functions of the compiler's library, which are not linked.
#[unsafe(no_mangle)]
static _fltused: i32 = 0;
