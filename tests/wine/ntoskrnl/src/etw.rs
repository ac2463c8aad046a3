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
    status(handle)
}

/// # Safety
///
/// No precondition; `unsafe` is the signature of the export.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "system" fn EtwSetInformation(
    handle: u64,
    _class: u32,
    _information: usize,
    _length: u32,
) -> i32 {
    status(handle)
}

/// # Safety
///
/// No precondition; `unsafe` is the signature of the export.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "system" fn EtwWriteTransfer(
    handle: u64,
    _event: usize,
    _activity: usize,
    _related: usize,
    _count: u32,
    _data: usize,
) -> i32 {
    status(handle)
}

/// The status of a function that takes the handle of a provider.
const fn status(handle: u64) -> i32 {
    if handle == HANDLE {
        STATUS_SUCCESS
    } else {
        STATUS_INVALID_HANDLE
    }
}
