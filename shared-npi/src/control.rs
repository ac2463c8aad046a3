// SPDX-License-Identifier: MIT OR Apache-2.0

//! The control interface of the two drivers, as far as it is Echo's own: the status
//! that they return, and the subcomponent that they can switch.
//!
//! Codes, requests and statuses are those of the crate `wdm`, module `control`,
//! which is the contract; the version in the header is that contract's.

use nmr::header::{Header, Plain};
use nmr::layout::Check;

nmr::c_struct! {
    /// State and counters of a driver: the answer to `QUERY_STATUS`.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Status: Check::SIZE_FIRST {
        /// Size and version of this structure.
        pub header: Header,
        /// 1 while the subcomponent is registered, 0 otherwise.
        pub subcomponent: u32,
        /// The number of holds that block the unload.
        pub holds: u32,
        /// Requests of Echo, sent or received.
        pub requests: u64,
        /// Requests that were echoed.
        pub echoed: u64,
        /// Requests that were refused or cancelled.
        pub unanswered: u64,
        /// Samples of Echo telemetry, published or received.
        pub samples: u64,
    }
}

/// The number of the subcomponent in a request to switch it: the module of Echo
/// telemetry.
pub const TELEMETRY: u32 = 1;

const _: () = assert!(size_of::<Status>() == 48);

// SAFETY: `repr(C)`; its size is asserted to be that of its fields: 8 + 2 * 4 + 4 * 8.
unsafe impl Plain for Status {}
