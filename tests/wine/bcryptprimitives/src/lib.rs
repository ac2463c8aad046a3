// SPDX-License-Identifier: MIT OR Apache-2.0

//! `bcryptprimitives.dll` for Wine: the only function that Rust's standard library imports
//! from it. Wine has it under another name.

#![no_std]

use core::panic::PanicInfo;

#[link(name = "advapi32.dll", kind = "raw-dylib", modifiers = "+verbatim")]
unsafe extern "system" {
    /// `RtlGenRandom`.
    fn SystemFunction036(buffer: *mut u8, length: u32) -> u8;
}

/// # Safety
///
/// `buffer` has `length` writable bytes.
#[unsafe(no_mangle)]
unsafe extern "system" fn ProcessPrng(buffer: *mut u8, length: usize) -> i32 {
    let Ok(length) = u32::try_from(length) else {
        return 0;
    };
    // SAFETY: by the contract of this function `buffer` has `length` writable bytes.
    let done = unsafe { SystemFunction036(buffer, length) };
    i32::from(done != 0)
}

/// Referenced by functions of the compiler's library, which are not linked.
#[unsafe(no_mangle)]
static _fltused: i32 = 0;

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    loop {}
}
