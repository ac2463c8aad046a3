// SPDX-License-Identifier: MIT OR Apache-2.0

//! The questions that Microsoft's documents leave open, and the answers of each kernel.
//!
//! - A [`Knob`] is such a question; [`Knob::about`] has its answers, what the documents
//!   say, and what Windows is known to do, with the evidence.
//! - A [`Kernel`] answers all of them: `documents` draws any answer that the documents
//!   permit; `windows` gives the answers that Windows is known to give, and draws the rest.
//! - [`Knobs`] are the fixed answers of a run.
//!
//! Random choices that no document could determine, such as addresses and schedules, are
//! not knobs.
//!
//! Some open points of NMR are decided, not drawn, because a module can be correct with
//! only one answer: cleanup callbacks have returned before a wait returns; a provider is
//! detached and cleaned up if its client fails after the provider has accepted it; the two
//! ends of a binding have different handles; a completion before the detach callback is
//! remembered; two registrations of one driver are paired like any others; one
//! `NmrRegister...` makes its offers one after another, in parallel with those of peers
//! that register on other threads; a deregistration for which no one waits stays pending,
//! and is a finding when its image is unloaded.

#![no_std]

extern crate alloc;

mod fixed;
mod kernel;
mod knob;
mod random;
mod table;

pub use fixed::{Knobs, UnknownKnob};
pub use kernel::{Kernel, KernelChoice, UnknownKernel};
pub use knob::Knob;
pub use random::SplitMix64;
pub use table::About;
