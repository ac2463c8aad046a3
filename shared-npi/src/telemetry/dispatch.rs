// SPDX-License-Identifier: MIT OR Apache-2.0

//! The dispatch tables of the telemetry NPI.

use core::ffi::c_void;

use super::sample::Sample;
use nmr::abi::NTSTATUS;
use nmr::header::Header;
use nmr::layout::Check;

nmr::c_struct! {
    /// The functions of a source. No entry may be null.
    #[derive(Debug)]
    pub struct ProviderDispatch: Check::SIZE_FIRST {
        /// Size and version of the table.
        pub header: Header,
        /// Subscribes the client: from now on the source publishes to it.
        pub subscribe: Option<unsafe extern "system" fn(binding: *mut c_void) -> NTSTATUS>,
        /// Fills in the structure, whose header the monitor has set.
        pub sample:
            Option<unsafe extern "system" fn(binding: *mut c_void, sample: *mut Sample) -> NTSTATUS>,
    }
}

nmr::c_struct! {
    /// The functions of a monitor. No entry may be null.
    #[derive(Debug)]
    pub struct ClientDispatch: Check::SIZE_FIRST {
        /// Size and version of the table.
        pub header: Header,
        /// Publishes a sample, which is valid during the call.
        pub publish: Option<unsafe extern "system" fn(binding: *mut c_void, sample: *const Sample)>,
    }
}

#[cfg(target_pointer_width = "64")]
const _: () = {
    assert!(size_of::<ProviderDispatch>() == 24);
    assert!(size_of::<ClientDispatch>() == 16);
};
