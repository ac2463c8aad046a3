// SPDX-License-Identifier: MIT OR Apache-2.0

//! A simulated kernel: it loads unmodified driver images into a Linux process,
//! runs them, takes them away again, and finds out what they did wrong.
//!
//! # Design
//!
//! - **A run is a function of its seed.** Threads are coroutines, time is
//!   virtual, memory has fixed addresses ([`Machine`]); each cycle starts a
//!   fresh kernel and depends on nothing but the images, the seed and its
//!   number. So any cycle can be replayed alone, and a run can be dealt to many
//!   processes.
//! - **Every call between modules is seen.** Imports and dispatch tables lead
//!   through thunks: there IRQLs are checked, calls counted, threads switched.
//! - **Memory that is not in use cannot be touched.** Freed pool, unloaded
//!   images and what lies behind the end of a block are inaccessible; a fault
//!   is a finding with driver and offset, and the process goes on.
//!
//! # Limits
//!
//! Linux on x86-64 only, because driver code runs natively; elsewhere the crate
//! is empty and its program says so. Threads switch at calls, and, where asked for, at
//! atomic instructions, but not between others.

#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

mod application;
mod arena;
mod buffers;
mod bug_check;
mod completion;
mod control;
mod deferred;
mod driver;
mod edges;
mod exports;
mod faults;
mod files;
mod findings;
mod handles;
mod image;
mod irp;
mod irql;
mod kernel;
mod leftovers;
mod live;
mod loans;
mod locks;
mod machine;
mod malformed;
mod matrix;
mod minimise;
mod names;
mod nmr;
mod nmr_order;
mod pageable;
mod plan;
mod pool;
mod preempt;
mod programs;
mod registrations;
mod registry;
mod requests;
mod scheduler;
mod scm;
mod sddl;
mod security;
mod stack;
mod steps;
mod strategy;
mod symbols;
mod thunk;
mod trap;
mod unload;
mod unwind;
mod walk;
mod watch;
mod wdf;

pub use faults::{Callback, Fault, Faults, Kind};
pub use image::{Image, LoadError};
pub use kernel::{Images, Options};
pub use machine::{Machine, Outcome, SetupError};
pub use matrix::{Case, Matrix, Row};
pub use minimise::{Failure, Minimised, Searched, minimise};
pub use plan::Plan;
pub use strategy::Strategy;
