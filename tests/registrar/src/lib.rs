// SPDX-License-Identifier: MIT OR Apache-2.0

//! The Network Module Registrar as documented, nothing kinder.
//!
//! Design principles:
//!
//! - **No operating system.** [`Host`](host::Host) is all that the registrar
//!   asks of its surroundings, so the simulated kernel, a native `netio.sys`
//!   and a plain process run the same code.
//! - **Decide under the lock, act outside.** The tables (`state`) are pure:
//!   each transition is indivisible and answers with what is to be done. No
//!   callback and no method of the host ever runs under the lock.
//! - **What the documents leave open is drawn**, not decided: see [`knobs`].
//! - **Nothing passes silently, nothing aborts.** A breach of a rule is a
//!   [`Finding`](finding::Finding), and the call that broke it fails.
//! - **A handle is a value**, never followed as an address.
//!
//! It cannot see memory that a module frees, locks that a module holds or calls
//! that the modules make to each other; its host can, and
//! [`interpose`](host::Host::interpose) and the events are there for it.

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
