// SPDX-License-Identifier: MIT OR Apache-2.0

//! Bug checks and panics of this kernel: printed to standard error, they end the session.

use core::fmt;
use core::panic::PanicInfo;

use line_buffer::LineBuffer;

use crate::original::{__wine_dbg_output, ExitProcess};

/// Size of a line.
const SIZE: usize = 400;

/// Writes a line to standard error.
pub(crate) fn line(text: fmt::Arguments<'_>) {
    let line = LineBuffer::<SIZE>::format(text);
    // SAFETY: the line is NUL-terminated.
    unsafe { __wine_dbg_output(line.as_ptr().cast()) };
}

/// Bug-checks because of the code at `place`.
pub(crate) fn bug_check(
    code: u32,
    parameters: [usize; 4],
    place: usize,
    what: fmt::Arguments,
) -> ! {
    line(format_args!("kernel: at {place:#x}: {what}"));
    let [first, second, third, fourth] = parameters;
    // SAFETY: `KeBugCheckEx` has no precondition.
    unsafe { KeBugCheckEx(code, first, second, third, fourth) }
}

/// Prints the code and the parameters of a bug check, and ends the process of this kernel.
///
/// # Safety
///
/// No precondition; `unsafe` is the signature of the export.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "system" fn KeBugCheckEx(
    code: u32,
    first: usize,
    second: usize,
    third: usize,
    fourth: usize,
) -> ! {
    line(format_args!(
        "kernel: bug check {code:#x} ({first:#x}, {second:#x}, {third:#x}, {fourth:#x})"
    ));
    // SAFETY: `ExitProcess` has no precondition.
    unsafe { ExitProcess(code) }
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    line(format_args!("kernel: {info}"));
    // SAFETY: `ExitProcess` has no precondition.
    unsafe { ExitProcess(u32::MAX) }
}
