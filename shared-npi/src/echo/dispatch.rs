// SPDX-License-Identifier: MIT OR Apache-2.0

//! The two dispatch tables.

use core::ffi::c_void;

use super::capabilities::Capabilities;
use super::characteristics::Agreement;
use super::request::Request;
use super::statistics::Statistics;
use nmr::abi::NTSTATUS;
use nmr::header::{Headed, Header};

/// What a client may call. The entries of capabilities that were not agreed on
/// may be null, and are not called.
#[repr(C)]
#[derive(Debug)]
pub struct ProviderDispatch {
    /// Size and version of the table.
    pub header: Header,
    /// Echoes a request: [the contract](super#a-request).
    pub submit:
        Option<unsafe extern "system" fn(binding: *mut c_void, request: *mut Request) -> NTSTATUS>,
    /// Hurries a pending request; with [`Capabilities::CANCEL`].
    pub cancel: Option<unsafe extern "system" fn(binding: *mut c_void, request: *mut Request)>,
    /// Fills in the structure, whose header the client has set; with
    /// [`Capabilities::STATISTICS`]. `STATUS_INVALID_PARAMETER` for a
    /// structure that is too small.
    pub query_statistics: Option<
        unsafe extern "system" fn(binding: *mut c_void, statistics: *mut Statistics) -> NTSTATUS,
    >,
}

/// What a provider may call. The entries of capabilities that were not agreed
/// on may be null, and are not called.
#[repr(C)]
#[derive(Debug)]
pub struct ClientDispatch {
    /// Size and version of the table.
    pub header: Header,
    /// A request whose `submit` answered `STATUS_PENDING` is done; its
    /// `status` and `reply` are set. It belongs to the client again.
    pub complete: Option<unsafe extern "system" fn(binding: *mut c_void, request: *mut Request)>,
    /// Tells the client something; with [`Capabilities::NOTIFY`].
    pub notify:
        Option<unsafe extern "system" fn(binding: *mut c_void, what: Notification, value: u64)>,
}

// SAFETY: `repr(C)`, a header first, nullable function pointers after it, which
// the contract of the NPI vouches for.
unsafe impl Headed for ProviderDispatch {}
// SAFETY: as above.
unsafe impl Headed for ClientDispatch {}

/// What a provider tells a client; values unknown to the client it ignores.
#[repr(transparent)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Notification(pub u32);

impl Notification {
    /// The provider has completed the number of requests of this binding that
    /// the value says.
    pub const PROGRESS: Self = Self(1);
}

impl ProviderDispatch {
    /// Whether all functions are there that the agreement lets a client call.
    #[must_use]
    pub fn serves(&self, agreement: &Agreement) -> bool {
        self.submit.is_some()
            && agreement.backed_by(Capabilities::CANCEL, self.cancel.is_some())
            && agreement.backed_by(Capabilities::STATISTICS, self.query_statistics.is_some())
    }
}

impl ClientDispatch {
    /// Whether all functions are there that the agreement lets a provider
    /// call.
    #[must_use]
    pub fn serves(&self, agreement: &Agreement) -> bool {
        self.complete.is_some() && agreement.backed_by(Capabilities::NOTIFY, self.notify.is_some())
    }
}

#[cfg(target_pointer_width = "64")]
const _: () = {
    assert!(size_of::<ProviderDispatch>() == 32);
    assert!(size_of::<ClientDispatch>() == 24);
};
