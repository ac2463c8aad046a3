// SPDX-License-Identifier: MIT OR Apache-2.0

//! The Echo telemetry NPI: a client of Echo publishes samples of its activity to the
//! modules that subscribe. Its provider is `client.sys`, its client `provider.sys`: so
//! each of the two drivers is a provider of one NPI and a client of another.
//!
//! This page is the contract, in the terms of [`crate::echo`]. [`source`] and
//! [`monitor`] keep it for a Rust module.
//!
//! # Identity and negotiation
//!
//! Both modules register with [`TELEMETRY_NPI_ID`] and set
//! `NpiSpecificCharacteristics` to a [`Characteristics`]. A side refuses a peer
//! with which it has no version in common with `STATUS_NOINTERFACE`.
//!
//! # Calls
//!
//! | table | function | meaning | IRQL |
//! |---|---|---|---|
//! | [`ProviderDispatch`] | `subscribe` | from now on call `publish` | <= `DISPATCH_LEVEL` |
//! | | `sample` | fill in a [`Sample`] | <= `DISPATCH_LEVEL` |
//! | [`ClientDispatch`] | `publish` | look at this [`Sample`] | <= `DISPATCH_LEVEL` |
//!
//! The first argument of every function is the callee's binding context. No
//! function blocks, no caller holds a lock, none answers later: all that is
//! lent is lent for the call. A source does not call before it is subscribed
//! to: a provider cannot know otherwise that the attach of its client is
//! committed. `STATUS_DEVICE_NOT_READY` of `subscribe` means that the source is
//! detaching; `STATUS_INVALID_PARAMETER` of `sample`, that the structure is null
//! or too small.
//!
//! # Detach
//!
//! After its own detach callback a side calls no more. Each stays callable
//! until its cleanup callback.

mod characteristics;
mod dispatch;
mod sample;

pub mod monitor;
pub mod source;

pub use characteristics::Characteristics;
pub use dispatch::{ClientDispatch, ProviderDispatch};
pub use sample::{Activity, Sample};

use nmr::abi::{GUID, NPIID};
use nmr::layout::Required;
use nmr::{ModuleId, Npi};

/// The version of the interface that this crate defines; there is no older one.
pub const VERSION: u16 = 1;

/// The Echo telemetry NPI: {80028957-3748-4ec7-9fd8-fb58ae018faf}.
pub const TELEMETRY_NPI_ID: NPIID = GUID::from_u128(0x8002_8957_3748_4ec7_9fd8_fb58_ae01_8faf);

/// The source in `client.sys`: {0f1b1011-4d93-4c84-89ab-279e43689671}.
pub const TELEMETRY_SOURCE_MODULE_ID: ModuleId =
    ModuleId::Guid(GUID::from_u128(0x0f1b_1011_4d93_4c84_89ab_279e_4368_9671));

/// The monitor in `provider.sys`: {c3f5a26d-fe3b-4a3f-a509-f4b91a23c656}.
pub const TELEMETRY_MONITOR_MODULE_ID: ModuleId =
    ModuleId::Guid(GUID::from_u128(0xc3f5_a26d_fe3b_4a3f_a509_f4b9_1a23_c656));

/// Echo telemetry, to be named in types.
#[derive(Debug)]
pub enum Telemetry {}

// SAFETY: this page is the contract that modules with this identity keep.
unsafe impl Npi for Telemetry {
    const ID: NPIID = TELEMETRY_NPI_ID;
    type ClientCharacteristics = Required<Characteristics>;
    type ProviderCharacteristics = Required<Characteristics>;
    type ClientDispatch = Required<ClientDispatch>;
    type ProviderDispatch = Required<ProviderDispatch>;
}
