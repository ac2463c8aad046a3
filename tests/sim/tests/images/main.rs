// SPDX-License-Identifier: MIT OR Apache-2.0

//! Tests through images: the two drivers as `cargo xtask build` leaves them,
//! and small C modules with one defect each, compiled here.
//!
//! They need the feature `images`, clang and lld; `cargo xtask test` sees to it.
//! They exist where the simulated kernel does.

#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

mod bad_input;
mod callouts;
mod command_line;
mod costs;
mod dead_frames;
mod defects;
mod describe;
mod devices;
mod drivers;
mod etw;
mod events;
mod exceptions;
mod executive;
mod exhaustion;
mod faults;
mod fixture;
mod gnu;
mod hostile;
mod imports;
mod instances;
mod instructions;
mod irps;
mod keyvalue;
mod knobs;
mod leftovers;
mod mdl;
mod minimise;
mod mutants;
mod nmr_order;
mod open_points;
mod paged;
mod pair;
mod preemption;
mod processors;
mod program;
mod promises;
mod races;
mod requests;
mod roles;
mod runtime;
mod scenarios;
mod services;
mod shapes;
mod slow;
mod stack;
mod strangers;
mod surface;
mod symbols;
mod tables;
mod unloads;
mod verdict;
mod wdf;
mod wild;
mod wsk;
