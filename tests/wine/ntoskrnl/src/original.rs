// SPDX-License-Identifier: MIT OR Apache-2.0

//! Imports from Wine: from the original kernel, and from its user mode. An export here that
//! calls the original of the same name is called `Own...` in Rust, to distinguish the two.

use core::ffi::{c_char, c_void};

#[link(name = "ntoskrnw.dll", kind = "raw-dylib", modifiers = "+verbatim")]
unsafe extern "system" {
    pub(crate) fn ExAcquireFastMutex();
    pub(crate) fn ExAllocatePoolWithQuotaTag(kind: i32, bytes: usize, tag: u32) -> *mut c_void;
    pub(crate) fn ExAllocatePoolWithTag(kind: i32, bytes: usize, tag: u32) -> *mut c_void;
    pub(crate) fn ExFreePool(block: *mut c_void);
    pub(crate) fn ExFreePoolWithTag(block: *mut c_void, tag: u32);
    pub(crate) fn KeDelayExecutionThread();
    pub(crate) fn KeWaitForMultipleObjects(
        count: u32,
        objects: *const *mut c_void,
        kind: i32,
        reason: i32,
        mode: i8,
        alertable: u8,
        timeout: *const i64,
        blocks: *mut c_void,
    ) -> i32;
    pub(crate) fn PsCreateSystemThread(
        thread: *mut *mut c_void,
        access: u32,
        attributes: *const c_void,
        process: *mut c_void,
        client: *mut c_void,
        routine: *const c_void,
        context: *mut c_void,
    ) -> i32;
    pub(crate) fn ZwClose();
    pub(crate) fn ZwOpenKey();
    pub(crate) fn ZwQueryValueKey();
    pub(crate) fn ZwWaitForSingleObject();
}

#[link(name = "kernel32.dll", kind = "raw-dylib", modifiers = "+verbatim")]
unsafe extern "system" {
    pub(crate) fn CreateThread(
        attributes: *const c_void,
        stack: usize,
        routine: unsafe extern "system" fn(context: *mut c_void) -> u32,
        context: *mut c_void,
        flags: u32,
        id: *mut u32,
    ) -> *mut c_void;
    pub(crate) fn ExitProcess(code: u32) -> !;
    pub(crate) fn GetCurrentProcess() -> *mut c_void;
    pub(crate) fn GetProcessAffinityMask(
        process: *mut c_void,
        own: *mut usize,
        system: *mut usize,
    ) -> i32;
    pub(crate) fn GetSystemTimeAsFileTime(time: *mut i64);
    pub(crate) fn QueryPerformanceCounter(count: *mut i64) -> i32;
    pub(crate) fn QueryPerformanceFrequency(frequency: *mut i64) -> i32;
    pub(crate) fn SetThreadAffinityMask(thread: *mut c_void, mask: usize) -> usize;
    pub(crate) fn TlsAlloc() -> u32;
    pub(crate) fn TlsGetValue(index: u32) -> *mut c_void;
    pub(crate) fn TlsSetValue(index: u32, value: *mut c_void) -> i32;
}

#[link(name = "ntdll.dll", kind = "raw-dylib", modifiers = "+verbatim")]
unsafe extern "C" {
    /// A function of Wine: writes to the session's standard error.
    pub(crate) fn __wine_dbg_output(text: *const c_char) -> i32;
}

#[link(name = "ntdll.dll", kind = "raw-dylib", modifiers = "+verbatim")]
unsafe extern "system" {
    pub(crate) fn LdrRegisterDllNotification(
        flags: u32,
        hear: unsafe extern "system" fn(reason: u32, notice: *const c_void, context: *mut c_void),
        context: *mut c_void,
        cookie: *mut *mut c_void,
    ) -> i32;
    pub(crate) fn NtYieldExecution() -> i32;
    /// Waits until it is woken; returns at once if the value is not `expected`.
    pub(crate) fn RtlWaitOnAddress(
        address: *const c_void,
        expected: *const c_void,
        size: usize,
        timeout: *const i64,
    ) -> i32;
    pub(crate) fn RtlWakeAddressAll(address: *const c_void);
}
