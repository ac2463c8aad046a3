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

mod analysis;
mod calls;
mod choices;
mod exports;
mod findings;
mod hardware;
mod io;
mod kernel;
mod loader;
mod memory;
mod nmr;
mod objects;
mod run;
mod scheduling;
mod verifier;
mod wdf;

pub use loader::image::{Image, LoadError};
pub use run::machine::{Machine, Outcome, SetupError};
pub use run::matrix::{Case, Matrix, Row};
pub use run::minimise::{Failure, Minimised, Searched, minimise};
pub use run::options::{Images, Options};
pub use scheduling::schedule::Plan;
pub use scheduling::strategy::Strategy;
pub use verifier::faults::{Callback, Fault, Faults, Kind};
