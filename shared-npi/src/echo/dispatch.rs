// SPDX-License-Identifier: MIT OR Apache-2.0

//! The dispatch tables of the Echo NPI.

use core::ffi::c_void;

use super::capabilities::Capabilities;
use super::characteristics::Agreement;
use super::request::Request;
use super::statistics::Statistics;
use nmr::abi::NTSTATUS;
use nmr::header::Header;
use nmr::layout::Check;
use nmr::request::{Cancel, Complete, Submit};

nmr::c_struct! {
    /// The functions of a provider. Entries for capabilities that were not agreed on may
    /// be null, and are not called.
    #[derive(Debug)]
    pub struct ProviderDispatch: Check::SIZE_FIRST {
        /// Size and version of the table.
        pub header: Header,
        /// Echoes a request, as [the contract](super#a-request) says.
        pub submit: Option<Submit<Request>>,
        /// Cancels a pending request; with [`Capabilities::CANCEL`].
        pub cancel: Option<Cancel<Request>>,
        /// Fills in the structure, whose header the client has set; with
        /// [`Capabilities::STATISTICS`]. Returns `STATUS_INVALID_PARAMETER` if the
        /// structure is too small.
        pub query_statistics: Option<
            unsafe extern "system" fn(binding: *mut c_void, statistics: *mut Statistics) -> NTSTATUS,
        >,
    }
}

nmr::c_struct! {
    /// The functions of a client. Entries for capabilities that were not agreed on may be
    /// null, and are not called.
    #[derive(Debug)]
    pub struct ClientDispatch: Check::SIZE_FIRST {
        /// Size and version of the table.
        pub header: Header,
        /// Completes a request whose `submit` returned `STATUS_PENDING`. Its `status` and
        /// `reply` are set, and it belongs to the client again.
        pub complete: Option<Complete<Request>>,
        /// Notifies the client; with [`Capabilities::NOTIFY`].
        pub notify:
            Option<unsafe extern "system" fn(binding: *mut c_void, what: Notification, value: u64)>,
    }
}

nmr::c_struct! {
    /// The kind of a notification. A client ignores kinds that it does not know.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Notification(pub u32);
}

impl Notification {
    /// Progress: `value` is the number of pended requests of this binding that the
    /// provider has completed.
    pub const PROGRESS: Self = Self(1);
}

impl ProviderDispatch {
    /// Returns `true` if the table has every function that the agreement lets a client call.
    #[must_use]
    pub fn serves(&self, agreement: &Agreement) -> bool {
        self.submit.is_some()
            && agreement.backed_by(Capabilities::CANCEL, self.cancel.is_some())
            && agreement.backed_by(Capabilities::STATISTICS, self.query_statistics.is_some())
    }
}

impl ClientDispatch {
    /// Returns `true` if the table has every function that the agreement lets a provider
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
