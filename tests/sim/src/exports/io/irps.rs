// SPDX-License-Identifier: MIT OR Apache-2.0

//! Completing and cancelling requests.

use windows_sys::Win32::Foundation::STATUS_INVALID_DEVICE_REQUEST;

use crate::exports::execution::levels;
use crate::exports::exports;
use crate::hardware::irql::{DISPATCH_LEVEL, Irql};
use crate::io::completion;
use crate::io::irp::Irp;
use crate::io::requests;
use crate::verifier::locks;

exports! {
    "IofCompleteRequest" <= DISPATCH_LEVEL => iof_complete_request: ();
    "IoCancelIrp" <= DISPATCH_LEVEL => io_cancel_irp: u8;
    "IoAcquireCancelSpinLock" <= DISPATCH_LEVEL => io_acquire_cancel_spin_lock: ();
    "IoReleaseCancelSpinLock" <= DISPATCH_LEVEL => io_release_cancel_spin_lock: ();
}

unsafe extern "win64" fn iof_complete_request(irp: usize, _boost: i8) {
    completion::complete(irp);
}

/// What the I/O manager answers for a driver that does not care.
pub(in crate::exports) unsafe extern "win64" fn invalid_request(
    _device: usize,
    irp: *mut Irp,
) -> i32 {
    // SAFETY: a request that is sent is in memory.
    unsafe {
        (*irp).status = STATUS_INVALID_DEVICE_REQUEST;
        (*irp).information = 0;
    }
    completion::complete(irp.addr());
    STATUS_INVALID_DEVICE_REQUEST
}

unsafe extern "win64" fn io_cancel_irp(irp: usize) -> u8 {
    u8::from(requests::cancel(irp))
}

unsafe extern "win64" fn io_acquire_cancel_spin_lock(old: *mut Irql) {
    let level = locks::acquire_cancel();
    // SAFETY: it may be written, as documented.
    unsafe { old.write(level) };
}

unsafe extern "win64" fn io_release_cancel_spin_lock(old: Irql) {
    locks::release_cancel();
    levels::lower(old);
}
