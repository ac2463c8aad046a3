// SPDX-License-Identifier: MIT OR Apache-2.0

//! The questions that Microsoft's documents leave open, and who answers them how.
//!
//! - A [`Knob`] is such a question; [`Knob::about`] has its answers, what the documents
//!   say, and what Windows is known to do, with the evidence.
//! - A [`Kernel`] answers all of them: `documents` draws whatever the documents allow,
//!   `windows` answers what Windows is known to answer and draws the rest.
//! - [`Knobs`] are the answers that are fixed in a run.
//!
//! Random choices that no document could answer, such as addresses and schedules, are
//! no knobs.
//!
//! Some open points of NMR are decided, not drawn, because only one answer leaves a
//! module a way to be right: cleanup callbacks have returned before a wait
//! does; a provider whose client failed after it had accepted is detached and
//! cleaned up; the two ends of a binding have different handles; a completion
//! that comes before the detach callback is remembered; two registrations of
//! one driver are paired like any others; one `NmrRegister...` makes its offers
//! one after another, while those of peers that register on other threads run
//! beside them; a registration that is never waited for stays, and is a finding
//! when its image goes.

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
