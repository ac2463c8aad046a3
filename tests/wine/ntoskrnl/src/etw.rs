// SPDX-License-Identifier: MIT OR Apache-2.0

//! Event tracing: providers can register, but no session listens.

const STATUS_SUCCESS: i32 = 0;
const STATUS_INVALID_HANDLE: i32 = 0xC000_0008_u32.cast_signed();
/// The handle of every provider.
const HANDLE: u64 = 1;

/// # Safety
///
/// `handle` is writable.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "system" fn EtwRegister(
    _provider: usize,
    _callback: usize,
    _context: usize,
    handle: *mut u64,
) -> i32 {
    // SAFETY: by the contract of this function `handle` is writable.
    unsafe { handle.write(HANDLE) };
    STATUS_SUCCESS
}

/// # Safety
///
/// No precondition; `unsafe` is the signature of the export.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "system" fn EtwUnregister(handle: u64) -> i32 {
    if handle == HANDLE {
        return STATUS_SUCCESS;
    }
    STATUS_INVALID_HANDLE
}
