// SPDX-License-Identifier: MIT OR Apache-2.0

//! The Network Programming Interfaces (NPI) of `provider.sys` and `client.sys`.
//!
//! - [`echo`] is the NPI of the pair: identities, version negotiation, dispatch
//!   tables, requests. A module of another author can implement either end from that
//!   page alone.
//! - [`telemetry`] is a second, smaller one, in the other direction.
//! - [`control`] is the status that the drivers return to programs.
//!
//! Registration, attach, calls, detach and unload are in the crate [`nmr`], which knows
//! neither NPI.
//!
//! # Principles
//!
//! - Nothing from the other module is used before it is checked: [`nmr::header`].
//! - No path panics, no allocation aborts: failures are an [`nmr::NtStatus`].
//! - Functions state their IRQL; those that state none may be called at any. A function
//!   that needs `PASSIVE_LEVEL` takes a [`nmr::irql::PassiveLevel`], which a detach
//!   callback does not get.
//! - No dependency on the WDK: all of this runs on the host, under its tests and under a
//!   model checker.

#![no_std]
#![deny(clippy::multiple_unsafe_ops_per_block)]

extern crate alloc;

pub mod control;
pub mod echo;
pub mod telemetry;
