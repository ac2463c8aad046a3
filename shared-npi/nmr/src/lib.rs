// SPDX-License-Identifier: MIT OR Apache-2.0

//! The Network Module Registrar, as a network module sees it.
//!
//! [`abi`] is NMR under its own names. The rest is a module's whole life in a
//! form in which the known mistakes cannot be made:
//!
//! | mistake that crashed machines | why it cannot be made here |
//! |---|---|
//! | unload returns with a module registered | [`Driver::unload`] must return [`Ended`] modules, which only completed deregistrations yield; one that is in no set of the driver's, or was hidden with `mem::forget`, is counted, and stops the machine there |
//! | `STATUS_PENDING` ignored | [`Deregistration`] and [`Pending`] are `#[must_use]`, and dropping one waits |
//! | one of several modules forgotten, or waited for before the next one deregisters | a [`Set`] deregisters all its members first, and only then waits |
//! | a module switched off twice, or while unload deregisters it | a [`Switch`] lets one thread at a time change it, and closes for good |
//! | waiting in a detach callback | [`Pending::wait`] takes a [`PassiveLevel`](irql::PassiveLevel), which that callback does not get and cannot keep |
//! | one handle passed for another | each kind of handle is a type of its own: [`handle`] |
//! | characteristics freed or moved while registered | the [`Registration`] owns them, at one address |
//! | registered before the module is ready | registering takes the finished module by value |
//! | validated after the attach | [`Module::attach`] decides before NMR is told |
//! | a list of bindings walked with its lock held, or left by a binding that is gone | [`Bindings`] calls under no lock, and is left in the cleanup callback |
//! | a call begun after the detach callback | every call passes the binding's [`gate`] |
//! | `...DetachComplete` sent twice, never, or on freed memory | the last [`InFlight`] of a closed binding sends it when it is dropped (which `mem::forget` prevents), and touches nothing after it |
//! | binding context freed in the detach callback | it is freed in the cleanup callback, by this module only |
//!
//! # The life of a module
//!
//! ```text
//! DriverEntry     set_unload, then Registration::register last
//!   attach        Module::attach: look at the peer, accept or refuse
//!   calls         Binding::enter -> InFlight -> the peer's dispatch table
//!   detach        the gate closes; pending while anything is in flight
//!   cleanup       the binding and the module's context in it are dropped
//! DriverUnload    Driver::unload: deregister() all, then wait() for those pending
//! ```
//!
//! <https://learn.microsoft.com/windows-hardware/drivers/network/network-module-registrar2>

#![cfg_attr(not(loom), no_std)]
#![deny(clippy::multiple_unsafe_ops_per_block)]

extern crate alloc;

pub mod abi;
pub mod gate;
pub mod handle;
pub mod header;
pub mod inbox;
pub mod irql;
pub mod memory;
#[doc(hidden)]
pub mod sync;
pub mod versions;

mod binding;
mod bindings;
mod callbacks;
#[path = "loading.rs"]
pub mod driver;
mod module;
mod registration;
mod role;
mod set;
mod status;
mod switch;
#[path = "driver.rs"]
mod unloading;

pub use binding::{Binding, InFlight, PeerCalls};
pub use bindings::Bindings;
pub use driver::Loading;
pub use module::{Module, Npi, PeerModule};
pub use registration::{Deregistration, Ended, Failed, Pending, Registration};
pub use role::{Client, Provider, Role};
pub use set::{Closed, Closing, Deregistrations, Kept, Set};
pub use status::{NtStatus, Result};
pub use switch::Switch;
pub use sync::SpinLock;
pub use unloading::{Driver, Slot, Unloadable, set_unload};
