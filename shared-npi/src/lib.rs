// SPDX-License-Identifier: MIT OR Apache-2.0

//! What `provider.sys` and `client.sys` share: the contract between them, and
//! the Network Module Registrar (NMR) as a network module sees it.
//!
//! - [`echo`] is the Network Programming Interface (NPI): identities, version
//!   negotiation, dispatch tables, requests. A stranger can implement either
//!   end from that module alone.
//! - [`telemetry`] is a second, smaller one, in the other direction.
//! - [`nmr`] is how a module registers, attaches, calls, detaches and unloads.
//!   It knows nothing of either: an author of another NPI, whose structures begin
//!   with a [`header::Header`] and which has a table on both sides, takes it as
//!   it is.
//! - [`control`] is the status that the drivers return to programs.
//!
//! # Principles
//!
//! - The wrong thing does not compile: see [`nmr`] for the list.
//! - Nothing from the other module is believed before it is checked: [`header`].
//! - No path panics, no allocation aborts: failures are an [`NtStatus`].
//! - Functions state their IRQL; those that state none may be called at any.
//!   What needs `PASSIVE_LEVEL` asks for a
//!   [`nmr::irql::PassiveLevel`], which a detach callback cannot come by.
//! - No dependency on the WDK: all of this runs on the host, under its tests
//!   and under a model checker.

#![no_std]
#![deny(clippy::multiple_unsafe_ops_per_block)]

extern crate alloc;

pub mod control;
pub mod echo;
pub mod telemetry;
