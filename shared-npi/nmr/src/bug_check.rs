// SPDX-License-Identifier: MIT OR Apache-2.0

//! The bug check of a driver whose image would otherwise be unmapped while a module of it is
//! registered: 0x125, `NMR_INVALID_STATE`.
//!
//! | parameter 1 | meaning | parameter 2 |
//! |---|---|---|
//! | 0x4E4D5201 | NMR refused a deregistration, or the wait for it | the status |
//! | 0x4E4D5202 | unload, or a failed entry, would leave modules registered | their number |
//!
//! <https://learn.microsoft.com/windows-hardware/drivers/debugger/bug-check-0x125--nmr-invalid-state>

use crate::NtStatus;

/// Bug-checks because NMR refused to deregister a module, or to wait for it. Any IRQL.
pub(crate) fn still_registered(status: NtStatus) -> ! {
    bug_check(0x4E4D_5201, status.0.cast_unsigned() as usize)
}

/// Bug-checks because `count` modules would be left registered: their registrations were
/// leaked by `mem::forget`. Any IRQL.
pub(crate) fn left_registered(count: usize) -> ! {
    bug_check(0x4E4D_5202, count)
}

#[cfg(windows)]
fn bug_check(reason: usize, detail: usize) -> ! {
    const NMR_INVALID_STATE: u32 = 0x125;
    unsafe extern "system" {
        /// <https://learn.microsoft.com/windows-hardware/drivers/ddi/wdm/nf-wdm-kebugcheckex>
        fn KeBugCheckEx(code: u32, first: usize, second: usize, third: usize, fourth: usize) -> !;
    }
    // SAFETY: callable at any IRQL, with any parameters.
    unsafe { KeBugCheckEx(NMR_INVALID_STATE, reason, detail, 0, 0) }
}

/// Panics: a host has no kernel.
#[cfg(not(windows))]
fn bug_check(reason: usize, detail: usize) -> ! {
    panic!("bug check 0x125 NMR_INVALID_STATE ({reason:#x}, {detail:#x}, 0, 0)")
}
