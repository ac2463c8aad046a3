// SPDX-License-Identifier: MIT OR Apache-2.0

//! System threads.

use alloc::boxed::Box;
use core::ffi::c_void;
use core::ptr;

use windows_sys::Win32::Foundation::{HANDLE, NTSTATUS};

use crate::system::{PsCreateSystemThread, PsGetCurrentThreadId, ZwClose};

/// The id of the calling thread.
#[must_use]
pub fn current() -> u64 {
    // SAFETY: callable at any IRQL.
    let id = unsafe { PsGetCurrentThreadId() };
    id.addr() as u64
}

/// Runs `body` on a new system thread. IRQL = `PASSIVE_LEVEL`.
///
/// # Errors
///
/// The kernel's status; `body` is dropped then.
pub fn spawn<F: FnOnce() + Send + 'static>(body: F) -> Result<(), NTSTATUS> {
    const THREAD_ALL_ACCESS: u32 = 0x001F_FFFF;

    let context = Box::into_raw(Box::new(body));
    let mut thread: HANDLE = ptr::null_mut();
    // SAFETY: `run::<F>` takes the context, a box of `F`, exactly once.
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
        // SAFETY: no thread was created, so this function still owns the box.
        drop(unsafe { Box::from_raw(context) });
        return Err(status);
    }
    // SAFETY: this function owns the handle; the thread runs on without it.
    unsafe { ZwClose(thread) };
    Ok(())
}

unsafe extern "system" fn run<F: FnOnce()>(context: *mut c_void) {
    // SAFETY: `spawn` passes a box of `F` and gives up its ownership.
    let body = unsafe { Box::from_raw(context.cast::<F>()) };
    body();
}
