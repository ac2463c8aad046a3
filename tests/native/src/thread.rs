// SPDX-License-Identifier: MIT OR Apache-2.0

//! System threads.

use alloc::boxed::Box;
use core::ffi::c_void;
use core::ptr;

use windows_sys::Win32::Foundation::{HANDLE, NTSTATUS};

use crate::system::{PsCreateSystemThread, PsGetCurrentThreadId, ZwClose};

/// The number of the calling thread.
#[must_use]
pub fn current() -> u64 {
    // SAFETY: callable at any IRQL.
    let id = unsafe { PsGetCurrentThreadId() };
    id.addr() as u64
}

/// Runs `body` on a thread of its own. IRQL = `PASSIVE_LEVEL`.
///
/// # Errors
///
/// The status with which the kernel refuses; `body` is dropped then.
pub fn spawn<F: FnOnce() + Send + 'static>(body: F) -> Result<(), NTSTATUS> {
    const THREAD_ALL_ACCESS: u32 = 0x001F_FFFF;

    let context = Box::into_raw(Box::new(body));
    let mut thread: HANDLE = ptr::null_mut();
    // SAFETY: the routine takes what the context is, once.
    let status = unsafe {
        PsCreateSystemThread(
            &raw mut thread,
            THREAD_ALL_ACCESS,
            ptr::null(),
            ptr::null_mut(),
            ptr::null_mut(),
            run::<F>,
            context.cast(),
        )
    };
    if status < 0 {
        // SAFETY: no thread has it.
        drop(unsafe { Box::from_raw(context) });
        return Err(status);
    }
    // SAFETY: the handle is this function's; the thread goes on without it.
    unsafe { ZwClose(thread) };
    Ok(())
}

unsafe extern "system" fn run<F: FnOnce()>(context: *mut c_void) {
    // SAFETY: `spawn` passes a box of this type, and lets go of it.
    let body = unsafe { Box::from_raw(context.cast::<F>()) };
    body();
}
