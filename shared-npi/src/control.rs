// SPDX-License-Identifier: MIT OR Apache-2.0

//! The part of the control interface that is specific to the two drivers: the status that
//! they return, and the subcomponent that they switch on and off.
//!
//! The contract, with its codes, requests, status codes and version, is the module
//! `control` of the crate `wdm`.

use nmr::header::{Header, Plain};
use nmr::layout::Check;

nmr::c_struct! {
    /// State and counters of a driver: the output of `QUERY_STATUS`.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Status: Check::SIZE_FIRST {
        /// Size and version of this structure.
        pub header: Header,
        /// 1 if the subcomponent is registered, 0 otherwise.
        pub subcomponent: u32,
        /// The number of holds that block the unload.
        pub holds: u32,
        /// Echo requests submitted by the client, or received by the provider.
        pub requests: u64,
        /// Requests that were echoed.
        pub echoed: u64,
        /// Requests that were refused or cancelled.
        pub unanswered: u64,
        /// Samples published by the client, or received by the provider.
        pub samples: u64,
    }
}

/// The number of the telemetry module, the only subcomponent, in a
/// `SWITCH_SUBCOMPONENT` request.
pub const TELEMETRY: u32 = 1;

const _: () = assert!(size_of::<Status>() == 48);

// SAFETY: `repr(C)`; its size is asserted to be that of its fields: 8 + 2 * 4 + 4 * 8.
unsafe impl Plain for Status {}
