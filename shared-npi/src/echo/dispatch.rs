// SPDX-License-Identifier: MIT OR Apache-2.0

//! The two dispatch tables.

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
    /// The functions of a provider. The entries of capabilities that were not agreed on
    /// may be null, and are not called.
    #[derive(Debug)]
    pub struct ProviderDispatch: Check::SIZE_FIRST {
        /// Size and version of the table.
        pub header: Header,
        /// Echoes a request: [the contract](super#a-request).
        pub submit: Option<Submit<Request>>,
        /// Hurries a pending request; with [`Capabilities::CANCEL`].
        pub cancel: Option<Cancel<Request>>,
        /// Fills in the structure, whose header the client has set; with
        /// [`Capabilities::STATISTICS`]. `STATUS_INVALID_PARAMETER` for a
        /// structure that is too small.
        pub query_statistics: Option<
            unsafe extern "system" fn(binding: *mut c_void, statistics: *mut Statistics) -> NTSTATUS,
        >,
    }
}

nmr::c_struct! {
    /// The functions of a client. The entries of capabilities that were not agreed
    /// on may be null, and are not called.
    #[derive(Debug)]
    pub struct ClientDispatch: Check::SIZE_FIRST {
        /// Size and version of the table.
        pub header: Header,
        /// A request whose `submit` returned `STATUS_PENDING` is complete; its
        /// `status` and `reply` are set. It belongs to the client again.
        pub complete: Option<Complete<Request>>,
        /// Notifies the client; with [`Capabilities::NOTIFY`].
        pub notify:
            Option<unsafe extern "system" fn(binding: *mut c_void, what: Notification, value: u64)>,
    }
}

nmr::c_struct! {
    /// A notification of a provider. A client ignores values that it does not know.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Notification(pub u32);
}

impl Notification {
    /// The provider has completed the number of requests of this binding that
    /// the value says.
    pub const PROGRESS: Self = Self(1);
}

impl ProviderDispatch {
    /// Returns `true` if all functions are there that the agreement lets a client call.
    #[must_use]
    pub fn serves(&self, agreement: &Agreement) -> bool {
        self.submit.is_some()
            && agreement.backed_by(Capabilities::CANCEL, self.cancel.is_some())
            && agreement.backed_by(Capabilities::STATISTICS, self.query_statistics.is_some())
    }
}

impl ClientDispatch {
    /// Returns `true` if all functions are there that the agreement lets a provider
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
