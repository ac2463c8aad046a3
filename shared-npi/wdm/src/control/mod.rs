// SPDX-License-Identifier: MIT OR Apache-2.0

//! The control interface: the requests that administrators' programs send to `\\.\SERVICE`,
//! the control device with the name of the driver's service.
//!
//! This page is the contract. All requests are `IRP_MJ_DEVICE_CONTROL` with `METHOD_BUFFERED`.
//! Input and output begin with a [`Header`]. A structure that is longer than described here is
//! of a later version, and begins with the fields described here.
//!
//! | code | input | output | meaning |
//! |---|---|---|---|
//! | [`QUERY_STATUS`] | - | [`Controlled::Status`] | queries state and counters of the driver |
//! | [`LIST_BINDINGS`] | - | [`BindingList`], [`BindingEntry`] ... | lists the bindings in use, as many as fit |
//! | [`SWITCH_SUBCOMPONENT`] | [`SwitchRequest`] | - | registers or deregisters a module |
//! | [`HOLD_UNLOAD`] | [`Header`] | - | adds a hold, which blocks the unload of the driver |
//! | [`RELEASE_UNLOAD`] | [`Header`] | - | releases one hold of this file |
//!
//! | status | meaning |
//! |---|---|
//! | `STATUS_BUFFER_TOO_SMALL` | the output, or the head of the list, does not fit |
//! | `STATUS_BUFFER_OVERFLOW` | not all bindings fit: `total` is their number |
//! | `STATUS_INFO_LENGTH_MISMATCH` | the input is shorter than its header states, or than the request needs |
//! | `STATUS_REVISION_MISMATCH` | an input of version 0 |
//! | `STATUS_INVALID_PARAMETER` | an unknown subcomponent, or a state other than 0 and 1 |
//! | `STATUS_DEVICE_BUSY` | another thread is switching the subcomponent, or there are too many holds |
//! | `STATUS_DEVICE_NOT_READY` | `HOLD_UNLOAD` to a KMDF driver, whose `DriverUnload` the framework owns |
//! | `STATUS_DELETE_PENDING` | the driver is unloading, so that no module can be switched |
//! | `STATUS_INVALID_DEVICE_REQUEST` | an unknown code, no hold to release, or a request without a file |
//! | others | a switch failed: NMR's status, or `STATUS_INSUFFICIENT_RESOURCES` |
//!
//! `SWITCH_SUBCOMPONENT` returns when the module is registered, or when its last binding has
//! been cleaned up. A hold belongs to the open file through which it was taken, and ends when
//! the last handle to that file is closed, so that a program that crashes leaves none behind. A
//! binding is in use from the client's first request or subscription until the detach.
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

use nmr::header::Header;
use nmr::layout::Check;

/// The version of the interface that this crate defines, which is the first.
pub const VERSION: u16 = 1;

/// Returns a [`Controlled::Status`].
pub const QUERY_STATUS: u32 = control_code(0x800, FILE_READ_DATA);
/// Returns a [`BindingList`].
pub const LIST_BINDINGS: u32 = control_code(0x801, FILE_READ_DATA);
/// Takes a [`SwitchRequest`].
pub const SWITCH_SUBCOMPONENT: u32 = control_code(0x802, FILE_WRITE_DATA);
/// Takes a [`Header`].
pub const HOLD_UNLOAD: u32 = control_code(0x803, FILE_WRITE_DATA);
/// Takes a [`Header`].
pub const RELEASE_UNLOAD: u32 = control_code(0x804, FILE_WRITE_DATA);

const FILE_READ_DATA: u32 = 1;
const FILE_WRITE_DATA: u32 = 2;

/// The bits of a control code that are its method; `METHOD_BUFFERED` is 0.
const METHOD: u32 = 3;

/// `CTL_CODE(FILE_DEVICE_UNKNOWN, function, METHOD_BUFFERED, access)`.
const fn control_code(function: u32, access: u32) -> u32 {
    const FILE_DEVICE_UNKNOWN: u32 = 0x22;
    FILE_DEVICE_UNKNOWN << 16 | access << 14 | function << 2
}

/// Returns `true` if a request with this code has a system buffer. Any IRQL.
#[must_use]
pub const fn is_buffered(code: u32) -> bool {
    code & METHOD == 0
}

nmr::c_struct! {
    /// The input of [`SWITCH_SUBCOMPONENT`].
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct SwitchRequest: Check::SIZE_FIRST {
        /// Size and version of this structure.
        pub header: Header,
        /// The subcomponent's number, which the driver defines.
        pub subcomponent: u32,
        /// 1 to register its module, 0 to deregister it.
        pub on: u32,
    }
}

const _: () = {
    assert!(size_of::<SwitchRequest>() == 16);
    assert!(QUERY_STATUS == 0x0022_6000);
    assert!(RELEASE_UNLOAD == 0x0022_A010);
};

impl SwitchRequest {
    /// Creates the request that switches `subcomponent`. Any IRQL.
    #[must_use]
    pub const fn new(subcomponent: u32, on: bool) -> Self {
        Self {
            header: Header::of::<Self>(VERSION),
            subcomponent,
            on: on as u32,
        }
    }
}
