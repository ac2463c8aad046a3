// SPDX-License-Identifier: MIT OR Apache-2.0

//! The Network Module Registrar (NMR) of Windows, as a kernel module sees it: how
//! a module of any Network Programming Interface (NPI) registers, attaches, calls,
//! detaches and unloads.
//!
//! A shipped driver that gets this wrong crashes the machine, and many did. With this
//! library most such mistakes do not compile; others end in a bug check that states the
//! reason, and the rest are listed below as conditions.
//!
//! # The life of a module
//!
//! ```text
//! DriverEntry     Driver::load: everything is ready, then Loading::register
//!   attach        Module::attach: inspects the peer, and accepts or refuses it
//!   calls         Binding::enter -> Call -> one function of the peer's table
//!   detach        the gate closes; STATUS_PENDING while anything is in flight
//!   cleanup       the binding and the module's context in it are dropped
//! DriverUnload    Driver::unload: Registered::deregister begins all deregistrations,
//!                 pending ones are waited for, the proof is returned
//! ```
//!
//! # What you implement
//!
//! | part | trait | supporting items |
//! |---|---|---|
//! | the interface | [`Npi`] | [`layout`], [`header`], [`versions`] |
//! | a module | [`Module`] | [`Binding`], [`Call`], [`Hold`], [`Bindings`], [`dispatch`] |
//! | calls that complete later | [`request::Requests`], [`request::RequestProvider`], [`request::RequestClient`] | [`request`], [`inbox`] |
//! | the driver | [`Driver`] | [`Registration`], [`Switch`], [`Deregistration`] |
//!
//! The crates `wdm` and `kmdf` have what else a driver of their model needs: entry points,
//! threads, a control device.
//!
//! # Non-goals
//!
//! - It defines no NPI. It interprets a peer's structures as the [`Npi`] implementation
//!   declares them.
//! - It calls little besides NMR. From ntoskrnl it imports two spin-lock routines,
//!   `KeBugCheckEx` and, for a [gate](Module::GATE) with a word per processor,
//!   `KeQueryActiveProcessorCountEx` and `KeGetCurrentProcessorNumberEx`. Memory comes from
//!   the driver's global allocator, and every allocation can fail.
//! - It has no hidden waits: a function that waits takes a
//!   [`WaitAllowed`](irql::WaitAllowed). Only [`driver::load`] and [`driver::unload`] wait
//!   for deregistrations that were dropped.
//! - It does not check what a peer does with a pointer: a peer that breaks the contract
//!   of the NPI can break anything. The contract is what `unsafe impl Npi` asserts.
//!
//! # What cannot go wrong, and how
//!
//! | mistake that crashed machines | here |
//! |---|---|
//! | unload returns with a module registered | impossible by type: [`Driver::unload`] returns the [`Deregistered`] modules, which only completed deregistrations yield; a module leaked by `mem::forget` is caught at run time, by a count and a bug check |
//! | a failed entry leaves a module registered | impossible by type: a registration that is dropped is deregistered, and waited for before the entry returns; one leaked by `mem::forget` is caught at run time |
//! | registered without an unload routine | impossible by type: registering takes a [`Loading`], which only the entry gives; a driver without `wdm` or `kmdf` asserts it itself (condition of [`Loading::assume`]) |
//! | `STATUS_PENDING` ignored | impossible by type: the proof comes from the wait |
//! | one module waited for before the next has begun to deregister | impossible by type: [`Registered::deregister`] begins all, and only it returns the [`WaitAllowed`](irql::WaitAllowed) |
//! | waiting for NMR in a callback of NMR | impossible by type: no callback has a `WaitAllowed`, and no drop waits; an attach callback can wait for other things, at `PASSIVE_LEVEL`, and holds up NMR meanwhile |
//! | waiting for NMR with a call or hold of the same module on this thread | condition of [`Switch::off`] and of the wait functions, which would hang |
//! | waiting under a spin lock, at `DISPATCH_LEVEL` | impossible by type: the closure of [`SpinLock::with`] cannot capture a [`PassiveLevel`](irql::PassiveLevel) |
//! | a spin lock taken twice by one thread | condition of [`SpinLock::with`], which would hang |
//! | a module switched off twice, or while unload deregisters it | caught at run time: a [`Switch`] refuses the second change, and closes for good; an unload that meets a change in progress gets [`Failed`], and bug-checks (condition: requests that switch come through an open handle, which holds off the unload) |
//! | one handle passed for another | impossible by type: each kind is a type of its own, in [`handle`] |
//! | characteristics freed or moved while registered | impossible by type: the library owns them, at one address |
//! | a dispatch table or characteristics whose header states a wrong size | impossible by type: an assertion at compile time; a structure that is filled in at run time has the size that its author writes, best with [`Header::of`](header::Header::of) |
//! | the dispatch table of another module registered | impossible by type: a [`Table`] carries its module; that its functions are that module's is a condition of [`Table::new`] |
//! | registered before the module is ready | impossible by type: registering takes the finished module by value; a `static` that it uses must be ready before (condition) |
//! | a peer validated after NMR was told that it is accepted | impossible by type: [`Module::attach`] decides first; the table of a provider, which a client gets later, is checked before anything can be called |
//! | a client called before its attach is committed | impossible by type: a provider gets its first [`Call`] when the client calls it; a provider whose clients make no calls asserts the commit (condition of [`Accepted::committed`]) |
//! | a call begun after the detach callback | impossible by type: a [`Call`] passes the binding's [`gate`] and makes one call; a [`Hold`] makes none |
//! | a completion that is due after the detach callback | condition of [`Hold::complete`]; handled by the library in [`request`] |
//! | `...DetachComplete` sent twice, or on freed memory | impossible by type: the last [`Hold`] of a closed binding sends it when it is dropped, and touches nothing after it |
//! | `...DetachComplete` never sent | condition: a module that keeps a [`Hold`] gives it up when [`Module::detaching`] is called; idle requests hold nothing; a hold given to `mem::forget` hangs the unload |
//! | binding context freed in the detach callback | impossible by type: the library frees it in the cleanup callback |
//! | the library's list of bindings walked with its lock held | impossible by type: [`Bindings`] calls under no lock; a condition for the driver's own lists and locks |
//! | a kernel stack overrun by what the library moves | impossible by type: modules, bindings and requests above 4 KiB do not compile |
//! | a peer's structure read beyond its end | caught at run time: the [`Check`](layout::Check) of the structure; that its header states the right size is a condition of [`Npi`] |
//! | two versions of this crate in one image, each with its own count of registrations | impossible: cargo rejects two packages with the same `links` key |
//!
//! <https://learn.microsoft.com/windows-hardware/drivers/network/network-module-registrar2>
//!
//! # Example
//!
//! An NPI with one function, a provider of it, and the driver of the provider.
#![doc = include_str!("example.md")]
#![cfg_attr(not(loom), no_std)]
#![deny(clippy::multiple_unsafe_ops_per_block)]

extern crate alloc;

pub mod abi;
pub mod dispatch;
pub mod driver;
pub mod gate;
pub mod handle;
pub mod header;
pub mod inbox;
pub mod irql;
pub mod layout;
pub mod memory;
pub mod request;
#[doc(hidden)]
pub mod sync;
pub mod versions;

mod binding;
mod bindings;
mod bug_check;
mod callbacks;
mod dropped;
mod event;
mod module;
mod modules;
mod registration;
mod role;
mod status;
mod switch;

pub use binding::{Accepted, Binding, Call, Hold, Peer};
pub use bindings::Bindings;
pub use driver::{Driver, Loading};
pub use event::Event;
pub use gate::GateWords;
pub use module::{
    Module, ModuleId, Npi, OwnCharacteristics, OwnDispatch, PeerCharacteristics, PeerDispatch,
    PeerModule, Peers, Table,
};
pub use modules::{Modules, Registered};
pub use registration::{Deregistered, Deregistration, Failed, Pending, Registration};
pub use role::{Client, Provider, Role};
pub use status::{NtStatus, Result};
pub use switch::{Switch, Switched};
pub use sync::SpinLock;
