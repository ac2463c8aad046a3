// SPDX-License-Identifier: MIT OR Apache-2.0

//! Event tracing without a listener.

const STATUS_SUCCESS: i32 = 0;
const STATUS_INVALID_HANDLE: i32 = 0xC000_0008_u32.cast_signed();
/// What every provider gets: nothing is kept of it.
const HANDLE: u64 = 1;

/// # Safety
///
/// `handle` may be written.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "system" fn EtwRegister(
    _provider: usize,
    _callback: usize,
    _context: usize,
    handle: *mut u64,
) -> i32 {
    // SAFETY: the caller's promise.
    unsafe { handle.write(HANDLE) };
    STATUS_SUCCESS
}

/// # Safety
///
/// None is needed.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "system" fn EtwUnregister(handle: u64) -> i32 {
    if handle == HANDLE {
        return STATUS_SUCCESS;
    }
    STATUS_INVALID_HANDLE
}
