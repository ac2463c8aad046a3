// SPDX-License-Identifier: MIT OR Apache-2.0

//! The tested functions.

use core::ffi::c_void;

use windows_sys::Wdk::Foundation::KEVENT;

/// `KDPC`.
pub(crate) type Dpc = [u64; 8];
/// The body of a DPC.
pub(crate) type Routine =
    unsafe extern "system" fn(*mut Dpc, *mut c_void, *mut c_void, *mut c_void);

#[link(name = "ntoskrnl.exe", kind = "raw-dylib", modifiers = "+verbatim")]
unsafe extern "system" {
    pub(crate) fn ExAcquirePushLockExclusiveEx(lock: *mut usize, flags: u32);
    pub(crate) fn ExAcquirePushLockSharedEx(lock: *mut usize, flags: u32);
    pub(crate) fn ExReleasePushLockExclusiveEx(lock: *mut usize, flags: u32);
    pub(crate) fn ExReleasePushLockSharedEx(lock: *mut usize, flags: u32);
    pub(crate) fn ExTryAcquirePushLockExclusiveEx(lock: *mut usize, flags: u32) -> u8;
    pub(crate) fn ExTryAcquirePushLockSharedEx(lock: *mut usize, flags: u32) -> u8;
    pub(crate) fn KeDelayExecutionThread(mode: i8, alertable: u8, time: *const i64) -> i32;
    pub(crate) fn KeFlushQueuedDpcs();
    pub(crate) fn KeInitializeDpc(dpc: *mut Dpc, routine: Routine, context: *mut c_void);
    pub(crate) fn KeInitializeEvent(event: *mut KEVENT, kind: i32, set: u8);
    pub(crate) fn KeInsertQueueDpc(dpc: *mut Dpc, first: *mut c_void, second: *mut c_void) -> u8;
    pub(crate) fn KeQueryInterruptTime() -> u64;
    pub(crate) fn KeRemoveQueueDpc(dpc: *mut Dpc) -> u8;
    pub(crate) fn KeSetEvent(event: *mut KEVENT, increment: i32, wait: u8) -> i32;
    pub(crate) fn KeWaitForMultipleObjects(
        count: u32,
        objects: *const *mut KEVENT,
        kind: i32,
        reason: i32,
        mode: i8,
        alertable: u8,
        timeout: *const i64,
        blocks: *mut c_void,
    ) -> i32;
}

/// Waits for milliseconds.
pub(crate) fn sleep(milliseconds: i64) {
    const KERNEL_MODE: i8 = 0;
    let time = -10_000 * milliseconds;
    // SAFETY: the interval outlives the call, and the thread is at `PASSIVE_LEVEL`.
    unsafe { KeDelayExecutionThread(KERNEL_MODE, 0, &raw const time) };
}
