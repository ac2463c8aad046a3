// SPDX-License-Identifier: MIT OR Apache-2.0

//! The numbers of requests.

/// `CTL_CODE` of a buffered request of a device of no particular type.
pub(crate) const fn buffered(function: u32) -> u32 {
    const FILE_DEVICE_UNKNOWN: u32 = 0x22;
    /// Where the functions that are not Microsoft's begin.
    const CUSTOM: u32 = 0x800;
    (FILE_DEVICE_UNKNOWN << 16) | ((CUSTOM + function) << 2)
}
