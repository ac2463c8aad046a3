// SPDX-License-Identifier: MIT OR Apache-2.0

//! What is called of Wine: of the original kernel, and of its user mode.

use core::ffi::{c_char, c_void};

#[link(name = "ntoskrnw.dll", kind = "raw-dylib", modifiers = "+verbatim")]
unsafe extern "system" {
    pub(crate) fn ExAllocatePoolWithTag(kind: i32, bytes: usize, tag: u32) -> *mut c_void;
}

#[link(name = "kernel32.dll", kind = "raw-dylib", modifiers = "+verbatim")]
unsafe extern "system" {
    pub(crate) fn ExitProcess(code: u32) -> !;
    pub(crate) fn QueryPerformanceCounter(count: *mut i64) -> i32;
    pub(crate) fn QueryPerformanceFrequency(frequency: *mut i64) -> i32;
    pub(crate) fn Sleep(milliseconds: u32);
    pub(crate) fn TlsAlloc() -> u32;
    pub(crate) fn TlsGetValue(index: u32) -> *mut c_void;
    pub(crate) fn TlsSetValue(index: u32, value: *mut c_void) -> i32;
}

#[link(name = "ntdll.dll", kind = "raw-dylib", modifiers = "+verbatim")]
unsafe extern "C" {
    /// Wine's own: writes to the standard error of the session.
    pub(crate) fn __wine_dbg_output(text: *const c_char) -> i32;
}
