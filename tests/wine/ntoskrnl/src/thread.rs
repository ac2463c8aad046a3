// SPDX-License-Identifier: MIT OR Apache-2.0

//! System threads: they run on all processors, although the session is started on one.

use core::ffi::c_void;
use core::sync::atomic::{AtomicUsize, Ordering};

use crate::original::{
    GetCurrentProcess, GetProcessAffinityMask, PsCreateSystemThread, SetThreadAffinityMask,
};

/// # Safety
///
/// The documented contract of the function.
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
    // SAFETY: the caller passes on the documented contract of the same function.
    let status = unsafe {
        PsCreateSystemThread(
            thread, access, attributes, process, client, routine, context,
        )
    };
    if status >= 0 {
        // SAFETY: the thread was created, so its handle was written.
        release(unsafe { thread.read() });
    }
    status
}

/// Lets a thread run on all processors of the process.
fn release(thread: *mut c_void) {
    // SAFETY: the handle is open. After an error the affinity is unchanged.
    unsafe { SetThreadAffinityMask(thread, everywhere()) };
}

/// The affinity of the process, queried once.
fn everywhere() -> usize {
    static MASK: AtomicUsize = AtomicUsize::new(0);
    let known = MASK.load(Ordering::Relaxed);
    if known != 0 {
        return known;
    }
    let (mut process, mut system) = (0, 0);
    // SAFETY: no precondition; the pseudo handle is not closed.
    let current = unsafe { GetCurrentProcess() };
    // SAFETY: both local variables are writable.
    unsafe { GetProcessAffinityMask(current, &raw mut process, &raw mut system) };
    MASK.store(process, Ordering::Relaxed);
    process
}
