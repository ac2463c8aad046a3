// SPDX-License-Identifier: MIT OR Apache-2.0

//! `ntoskrnl.exe` for Wine: adds what its kernel lacks, in place of the original.
//!
//! # Design
//!
//! Drivers and Wine's own driver host import from this image. It exports the functions
//! that are written here, and forwards all others to the original, which is beside it under
//! another name. Both are set up for each session from the installed Wine.
//!
//! # Limits
//!
//! The IRQL is a number per thread: it does not block anything, and only serves to find
//! forbidden calls. Code that drivers have inlined reads 0 from the processor.

#![no_std]
mod dpc;
mod etw;
mod event;
mod images;
mod irql;
mod level;
mod original;
mod pool;
mod push_lock;
mod report;
mod rundown;
mod several;
mod spin;
mod spin_lock;
mod thread;
mod time;

/// Referenced by functions of the compiler's library, which are not linked.
#[unsafe(no_mangle)]
static _fltused: i32 = 0;
