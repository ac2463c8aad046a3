// SPDX-License-Identifier: MIT OR Apache-2.0

//! `ntoskrnl.exe` for Wine: what its kernel lacks, in front of the original.
//!
//! # Design
//!
//! Drivers and Wine's own driver host import from this image. Each function
//! that is written here is exported under its own name; all others are
//! forwarded to the original, which lies beside it under another name. Both are
//! made when the session is set up, from the Wine that is installed.
//!
//! # Limits
//!
//! The IRQL is a number that each thread keeps: nothing is held up by it, only what
//! it forbids is found; and what drivers read inline from the processor stays 0.

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

/// The compiler's own library refers to it, in functions that are not linked.
#[unsafe(no_mangle)]
static _fltused: i32 = 0;
