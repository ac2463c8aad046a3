// SPDX-License-Identifier: MIT OR Apache-2.0

//! `bcryptprimitives.dll` for Wine: the one function of it that Rust's standard
//! library imports. Wine has the same under another name.

#![no_std]

use core::panic::PanicInfo;

#[link(name = "advapi32.dll", kind = "raw-dylib", modifiers = "+verbatim")]
unsafe extern "system" {
    /// `RtlGenRandom`.
    fn SystemFunction036(buffer: *mut u8, length: u32) -> u8;
}

/// # Safety
///
/// `buffer` has `length` bytes that may be written.
#[unsafe(no_mangle)]
unsafe extern "system" fn ProcessPrng(buffer: *mut u8, length: usize) -> i32 {
    let Ok(length) = u32::try_from(length) else {
        return 0;
    };
    // SAFETY: the caller's promise.
    let done = unsafe { SystemFunction036(buffer, length) };
    i32::from(done != 0)
}

/// The compiler's own library refers to it, in functions that are not linked.
#[unsafe(no_mangle)]
static _fltused: i32 = 0;

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    loop {}
}
