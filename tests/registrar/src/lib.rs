// SPDX-License-Identifier: MIT OR Apache-2.0

//! The Network Module Registrar, exactly as documented.
//!
//! Design principles:
//!
//! - **No operating system.** [`Host`](host::Host) is the registrar's only
//!   interface to its environment, so that the simulated kernel, a native
//!   `netio.sys` and a plain process run the same code.
//! - **Decide under the lock, act outside.** The tables (`state`) are pure: each
//!   transition is atomic and returns the actions to be taken. No callback and no
//!   method of the host runs under the lock.
//! - **What the documents leave open is drawn**, not decided: see [`knobs`].
//! - **No violation is silent, and none aborts.** A violation of a rule is a
//!   [`Finding`](finding::Finding), and the call that broke it fails.
//! - **A handle is a value**, never dereferenced as an address.
//!
//! It cannot observe memory that a module frees, locks that a module holds, or calls
//! that modules make to each other. Its host can, for which there are
//! [`interpose`](host::Host::interpose) and the events.

#![no_std]

extern crate alloc;
#[cfg(feature = "process")]
extern crate std;

mod attach;
mod binding;
mod characteristics;
mod detach;
mod exports;
pub mod finding;
mod handle;
pub mod host;
mod inspect;
mod ledger;
mod list;
mod notify;
mod npis;
#[cfg(feature = "process")]
pub mod process;
mod record;
mod register;
mod registrar;
mod registration;
mod ring;
pub mod rules;
mod slab;
mod snapshot;
mod state;
mod wait;

pub use knobs;

pub use inspect::{Doing, Holdup, LiveRegistration};
pub use registrar::Registrar;
