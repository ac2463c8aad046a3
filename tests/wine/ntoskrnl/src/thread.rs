// SPDX-License-Identifier: MIT OR Apache-2.0

//! System threads run on every processor, though the session was started on one.

use core::ffi::c_void;
use core::sync::atomic::{AtomicUsize, Ordering};

use crate::original::{
    GetCurrentProcess, GetProcessAffinityMask, PsCreateSystemThread, SetThreadAffinityMask,
};

/// # Safety
///
/// The documented contract, as for all of these.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "system" fn OwnPsCreateSystemThread(
    thread: *mut *mut c_void,
    access: u32,
    attributes: *const c_void,
    process: *mut c_void,
    client: *mut c_void,
    routine: *const c_void,
    context: *mut c_void,
) -> i32 {
    // SAFETY: the caller's promise.
    let status = unsafe {
        PsCreateSystemThread(
            thread, access, attributes, process, client, routine, context,
        )
    };
    if status >= 0 {
        // SAFETY: there is a thread, so its handle has been written.
        release(unsafe { thread.read() });
    }
    status
}

/// Lets a thread run wherever the process may: Wine says that this is everywhere.
fn release(thread: *mut c_void) {
    // SAFETY: the handle is open. If this fails the thread stays where it is.
    unsafe { SetThreadAffinityMask(thread, everywhere()) };
}

/// The processors of the process, asked for once.
fn everywhere() -> usize {
    static MASK: AtomicUsize = AtomicUsize::new(0);
    let known = MASK.load(Ordering::Relaxed);
    if known != 0 {
        return known;
    }
    let (mut process, mut system) = (0, 0);
    // SAFETY: needs no closing.
    let current = unsafe { GetCurrentProcess() };
    // SAFETY: both places may be written.
    unsafe { GetProcessAffinityMask(current, &raw mut process, &raw mut system) };
    MASK.store(process, Ordering::Relaxed);
    process
}
