// SPDX-License-Identifier: MIT OR Apache-2.0

//! Tests through images: the two drivers as `cargo xtask build` leaves them,
//! and small C modules with one defect each, compiled here.
//!
//! They need the feature `images`, clang and lld; `cargo xtask test` sees to it.
//! They exist where the simulated kernel does.

#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

mod bad_input;
mod command_line;
mod defects;
mod devices;
mod exhaustion;
mod faults;
mod fixture;
mod hostile;
mod inlined;
mod instances;
mod keyvalue;
mod knobs;
mod minimise;
mod nmr_order;
mod paged;
mod pair;
mod preemption;
mod program;
mod requests;
mod roles;
mod scenarios;
mod stack;
mod surface;
mod wdf;
