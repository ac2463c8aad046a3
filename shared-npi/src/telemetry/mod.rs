// SPDX-License-Identifier: MIT OR Apache-2.0

//! The Echo telemetry NPI: a client of Echo publishes samples of its activity to the
//! modules that subscribe. `client.sys` is its provider and `provider.sys` its client, so
//! that each driver is the provider of one NPI and a client of the other.
//!
//! This page is the contract, in the terms of [`crate::echo`]. [`source`] and
//! [`monitor`] implement it for Rust modules.
//!
//! # Identity and negotiation
//!
//! Both modules register with [`TELEMETRY_NPI_ID`] and set
//! `NpiSpecificCharacteristics` to a [`Characteristics`]. If the two have no version in
//! common, the attach is refused with `STATUS_NOINTERFACE`.
//!
//! # Calls
//!
//! | table | function | meaning | IRQL |
//! |---|---|---|---|
//! | [`ProviderDispatch`] | `subscribe` | asks the source to call `publish` | <= `DISPATCH_LEVEL` |
//! | | `sample` | fills in a [`Sample`] | <= `DISPATCH_LEVEL` |
//! | [`ClientDispatch`] | `publish` | passes a [`Sample`] | <= `DISPATCH_LEVEL` |
//!
//! The first argument of every function is the callee's binding context. No function
//! blocks or returns `STATUS_PENDING`, and pointers are valid only during the call. A caller
//! holds no lock. A source does not call a client before the client has
//! subscribed: only that call tells a provider that the client's attach is committed.
//! `subscribe` returns `STATUS_DEVICE_NOT_READY` if the source is detaching; `sample`
//! returns `STATUS_INVALID_PARAMETER` if the structure is null or too small.
//!
//! # Detach
//!
//! After its own detach callback a side makes no more calls. It can be called until its
//! cleanup callback.

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

/// The version of the NPI that this crate defines, which is the first.
pub const VERSION: u16 = 1;

/// The Echo telemetry NPI: {80028957-3748-4ec7-9fd8-fb58ae018faf}.
pub const TELEMETRY_NPI_ID: NPIID = GUID::from_u128(0x8002_8957_3748_4ec7_9fd8_fb58_ae01_8faf);

/// The source in `client.sys`: {0f1b1011-4d93-4c84-89ab-279e43689671}.
pub const TELEMETRY_SOURCE_MODULE_ID: ModuleId =
    ModuleId::Guid(GUID::from_u128(0x0f1b_1011_4d93_4c84_89ab_279e_4368_9671));

/// The monitor in `provider.sys`: {c3f5a26d-fe3b-4a3f-a509-f4b91a23c656}.
pub const TELEMETRY_MONITOR_MODULE_ID: ModuleId =
    ModuleId::Guid(GUID::from_u128(0xc3f5_a26d_fe3b_4a3f_a509_f4b9_1a23_c656));

/// The type that stands for the Echo telemetry NPI.
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
