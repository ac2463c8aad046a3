// SPDX-License-Identifier: MIT OR Apache-2.0

//! The registry path of the driver's service, the second argument of `DriverEntry`.
//!
//! <https://learn.microsoft.com/windows-hardware/drivers/ddi/wdm/nc-wdm-driver_initialize>

use core::slice;

use nmr::abi::struct_size;
use wdk_sys::{PCUNICODE_STRING, UNICODE_STRING};

/// The registry path of the driver's service, valid during `'entry`.
///
/// # Invariants
///
/// `Buffer` points to `Length` bytes, which are initialized and do not change.
#[derive(Clone, Copy, Debug)]
pub struct RegistryPath<'entry>(&'entry UNICODE_STRING);

impl<'entry> RegistryPath<'entry> {
    /// Wraps the registry path `path`. Any IRQL.
    ///
    /// # Safety
    ///
    /// `path` points to a valid string that is not empty and does not change during `'entry`,
    /// as the argument of `DriverEntry` does while that runs.
    #[must_use]
    pub const unsafe fn new(path: PCUNICODE_STRING) -> Self {
        // SAFETY: the string is valid during `'entry` by this function's contract.
        Self(unsafe { &*path })
    }

    /// The UTF-16 units of the path. Any IRQL.
    #[must_use]
    pub const fn units(self) -> &'entry [u16] {
        let count = self.0.Length / struct_size::<u16>();
        // SAFETY: the buffer has that many initialized units by the invariant.
        unsafe { slice::from_raw_parts(self.0.Buffer, count as usize) }
    }

    /// A copy of the string, which points to the path. Any IRQL.
    #[must_use]
    pub const fn unicode(self) -> UNICODE_STRING {
        *self.0
    }
}
