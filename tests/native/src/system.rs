// SPDX-License-Identifier: MIT OR Apache-2.0

//! The functions of `ntoskrnl.exe` that the tests' own drivers call.

use core::ffi::{c_char, c_void};

use windows_sys::Wdk::Foundation::{DEVICE_OBJECT, DRIVER_OBJECT, IRP, KEVENT};
use windows_sys::Win32::Foundation::{HANDLE, NTSTATUS, UNICODE_STRING};

/// The body of a system thread.
pub type ThreadRoutine = unsafe extern "system" fn(context: *mut c_void);

#[link(name = "ntoskrnl.exe", kind = "raw-dylib", modifiers = "+verbatim")]
unsafe extern "C" {
    /// See Microsoft's documentation.
    pub fn DbgPrint(format: *const c_char, ...) -> u32;
}

#[link(name = "ntoskrnl.exe", kind = "raw-dylib", modifiers = "+verbatim")]
unsafe extern "system" {
    pub(crate) fn ExAllocatePool2(flags: u64, bytes: usize, tag: u32) -> *mut c_void;
    pub(crate) fn ExFreePool(block: *mut c_void);
    pub(crate) fn IoCreateDevice(
        driver: *mut DRIVER_OBJECT,
        extension_size: u32,
        name: *const UNICODE_STRING,
        device_type: u32,
        characteristics: u32,
        exclusive: u8,
        device: *mut *mut DEVICE_OBJECT,
    ) -> NTSTATUS;
    pub(crate) fn IoCreateSymbolicLink(
        link: *const UNICODE_STRING,
        device: *const UNICODE_STRING,
    ) -> NTSTATUS;
    pub(crate) fn IoDeleteDevice(device: *mut DEVICE_OBJECT);
    pub(crate) fn IoDeleteSymbolicLink(link: *const UNICODE_STRING) -> NTSTATUS;
    pub(crate) fn IofCompleteRequest(irp: *mut IRP, boost: i8);
    pub(crate) fn KeAcquireSpinLockRaiseToDpc(lock: *mut usize) -> u8;
    pub(crate) fn KeReleaseSpinLock(lock: *mut usize, irql: u8);
    pub(crate) fn KeGetCurrentIrql() -> u8;
    pub(crate) fn KfRaiseIrql(irql: u8) -> u8;
    pub(crate) fn KeLowerIrql(irql: u8);
    pub(crate) fn KeInitializeEvent(event: *mut KEVENT, kind: i32, set: u8);
    pub(crate) fn KeSetEvent(event: *mut KEVENT, increment: i32, wait: u8) -> i32;
    pub(crate) fn KeWaitForSingleObject(
        object: *mut c_void,
        reason: i32,
        mode: i8,
        alertable: u8,
        timeout: *const i64,
    ) -> NTSTATUS;
    /// See Microsoft's documentation.
    pub fn KeBugCheckEx(code: u32, first: usize, second: usize, third: usize, fourth: usize) -> !;
    pub(crate) fn PsCreateSystemThread(
        thread: *mut HANDLE,
        access: u32,
        attributes: *const c_void,
        process: HANDLE,
        client: *mut c_void,
        routine: ThreadRoutine,
        context: *mut c_void,
    ) -> NTSTATUS;
    pub(crate) fn PsGetCurrentThreadId() -> HANDLE;
    /// See Microsoft's documentation.
    pub static IoDriverObjectType: *const *mut c_void;
    /// See Microsoft's documentation.
    pub fn ObReferenceObjectByName(
        name: *const UNICODE_STRING,
        attributes: u32,
        access_state: *const c_void,
        access: u32,
        kind: *mut c_void,
        mode: i8,
        context: *const c_void,
        object: *mut *mut c_void,
    ) -> NTSTATUS;
    /// See Microsoft's documentation.
    pub fn ObfDereferenceObject(object: *mut c_void) -> isize;
    pub(crate) fn RtlPcToFileHeader(code: usize, base: *mut usize) -> usize;
    pub(crate) fn ZwClose(handle: HANDLE) -> NTSTATUS;
    /// See Microsoft's documentation.
    pub fn ZwLoadDriver(service: *const UNICODE_STRING) -> NTSTATUS;
    /// See Microsoft's documentation.
    pub fn ZwUnloadDriver(service: *const UNICODE_STRING) -> NTSTATUS;
}
