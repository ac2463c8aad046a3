// SPDX-License-Identifier: MIT OR Apache-2.0

//! A panic is a bug check.

use core::panic::PanicInfo;

use crate::print;
use crate::system::KeBugCheckEx;

/// "RPNC", the code of drivers with Microsoft's crates.
const RUST_PANIC: u32 = 0x5250_4E43;

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    print::line(format_args!("panic: {info}"));
    // SAFETY: callable at any IRQL.
    unsafe { KeBugCheckEx(RUST_PANIC, 0, 0, 0, 0) }
}
