// SPDX-License-Identifier: MIT OR Apache-2.0

//! Restarts the machine.

use std::io;
use std::ptr;

use windows_sys::Win32::System::Shutdown::{
    InitiateSystemShutdownExW, SHTDN_REASON_FLAG_PLANNED, SHTDN_REASON_MAJOR_OTHER,
    SHTDN_REASON_MINOR_MAINTENANCE,
};

use crate::privilege::{self, Privilege};

/// Begins to restart the machine at once, without regard to programs that do not end.
pub(crate) fn begin() -> io::Result<()> {
    privilege::enable(Privilege::Shutdown)?;
    let reason =
        SHTDN_REASON_MAJOR_OTHER | SHTDN_REASON_MINOR_MAINTENANCE | SHTDN_REASON_FLAG_PLANNED;
    // SAFETY: null pointers mean this machine and no message.
    let begun = unsafe { InitiateSystemShutdownExW(ptr::null(), ptr::null(), 0, 1, 1, reason) };
    if begun == 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}
