// SPDX-License-Identifier: MIT OR Apache-2.0

//! The control interface of both drivers: what an administrator's program may
//! ask of `\\.\SERVICE`, the device that has the name of the driver's service.
//!
//! This page is the contract. All requests are `IRP_MJ_DEVICE_CONTROL` with
//! `METHOD_BUFFERED`. What is sent and what is answered begins with a
//! [`Header`]; a structure that is longer than here is of a later version, and
//! its beginning is what is described here.
//!
//! | code | input | output | meaning |
//! |---|---|---|---|
//! | [`QUERY_STATUS`] | - | [`Status`] | how the driver fares |
//! | [`LIST_BINDINGS`] | - | [`BindingList`], [`BindingEntry`] ... | its bindings in use, as many as there is room for |
//! | [`SWITCH_SUBCOMPONENT`] | [`SwitchRequest`] | - | registers or deregisters a module |
//! | [`HOLD_UNLOAD`] | [`Header`] | - | forbids to unload the driver, once more |
//! | [`RELEASE_UNLOAD`] | [`Header`] | - | gives one hold of this handle back |
//!
//! | status | meaning |
//! |---|---|
//! | `STATUS_BUFFER_TOO_SMALL` | no room for the answer, or for the head of the list |
//! | `STATUS_BUFFER_OVERFLOW` | there are more bindings than there was room for: `total` says how many |
//! | `STATUS_INFO_LENGTH_MISMATCH` | less input than its header says, or than is needed |
//! | `STATUS_REVISION_MISMATCH` | an input of version 0 |
//! | `STATUS_INVALID_PARAMETER` | an unknown subcomponent, or a state other than 0 and 1 |
//! | `STATUS_DEVICE_BUSY` | somebody else is switching; too many holds |
//! | `STATUS_DEVICE_NOT_READY` | a hold, where the driver is one of the framework, whose `DriverUnload` is not its own |
//! | `STATUS_DELETE_PENDING` | the driver unloads, and nothing can be switched any more |
//! | `STATUS_INVALID_DEVICE_REQUEST` | an unknown code, nothing to give back, or a request without a file |
//! | others | what NMR answers, or `STATUS_INSUFFICIENT_RESOURCES`, when something is switched |
//!
//! Switching waits until the module is registered, or until its last binding is
//! cleaned up. Holds belong to the file that was opened, and end when the last
//! handle to it is closed: a program that dies leaves none. A binding is in use
//! from the client's first request to the detach.
//!
//! Only the system and administrators can open the device:
//! [`SecurityDescriptor::ADMINISTRATORS`].
//!
//! <https://learn.microsoft.com/windows-hardware/drivers/kernel/defining-i-o-control-codes>

mod buffer;
mod handle;
mod list;
mod security;
mod session;

pub use buffer::Buffer;
pub use handle::{Controlled, handle};
pub use list::{BindingEntry, BindingList, ListedAs};
pub use security::SecurityDescriptor;
pub use session::Session;

use nmr::header::{Headed, Header};

/// The version of the interface that this crate defines; there is no older one.
pub const VERSION: u16 = 1;

/// Answers a [`Status`].
pub const QUERY_STATUS: u32 = control_code(0x800, FILE_READ_DATA);
/// Answers a [`BindingList`].
pub const LIST_BINDINGS: u32 = control_code(0x801, FILE_READ_DATA);
/// Takes a [`SwitchRequest`].
pub const SWITCH_SUBCOMPONENT: u32 = control_code(0x802, FILE_WRITE_DATA);
/// Takes a [`Header`].
pub const HOLD_UNLOAD: u32 = control_code(0x803, FILE_WRITE_DATA);
/// Takes a [`Header`].
pub const RELEASE_UNLOAD: u32 = control_code(0x804, FILE_WRITE_DATA);

const FILE_READ_DATA: u32 = 1;
const FILE_WRITE_DATA: u32 = 2;

/// `CTL_CODE(FILE_DEVICE_UNKNOWN, function, METHOD_BUFFERED, access)`.
const fn control_code(function: u32, access: u32) -> u32 {
    const FILE_DEVICE_UNKNOWN: u32 = 0x22;
    FILE_DEVICE_UNKNOWN << 16 | access << 14 | function << 2
}

/// How a driver fares.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    /// Size and version of this structure.
    pub header: Header,
    /// 1 while its subcomponent is registered, 0 while it is not.
    pub subcomponent: u32,
    /// How many holds forbid to unload it.
    pub holds: u32,
    /// Requests of Echo, sent or received.
    pub requests: u64,
    /// Those of them that were echoed.
    pub echoed: u64,
    /// Those that were refused or cancelled.
    pub unanswered: u64,
    /// Samples of Echo telemetry, published or received.
    pub samples: u64,
}

/// What to switch, and how.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SwitchRequest {
    /// Size and version of this structure.
    pub header: Header,
    /// Which subcomponent: [`TELEMETRY`].
    pub subcomponent: u32,
    /// 1 to switch it on, 0 to switch it off.
    pub on: u32,
}

/// The module of Echo telemetry.
pub const TELEMETRY: u32 = 1;

const _: () = {
    assert!(size_of::<Status>() == 48);
    assert!(size_of::<SwitchRequest>() == 16);
    assert!(QUERY_STATUS == 0x0022_6000);
    assert!(RELEASE_UNLOAD == 0x0022_A010);
};

// SAFETY: `repr(C)`, a header first, integers after it.
unsafe impl Headed for Status {}
// SAFETY: as above.
unsafe impl Headed for SwitchRequest {}
// SAFETY: `repr(C)`, and the assertion above leaves no room for padding.
unsafe impl buffer::Plain for Status {}

impl SwitchRequest {
    /// Switches the telemetry.
    #[must_use]
    pub const fn telemetry(on: bool) -> Self {
        Self {
            header: Header::of::<Self>(VERSION),
            subcomponent: TELEMETRY,
            on: on as u32,
        }
    }
}
