// SPDX-License-Identifier: MIT OR Apache-2.0

//! What stops the session is told to whoever reads its standard error.

use core::fmt::{self, Write};
use core::panic::PanicInfo;

use crate::original::{__wine_dbg_output, ExitProcess};

const LONGEST: usize = 400;

struct Line {
    text: [u8; LONGEST],
    length: usize,
}

impl Write for Line {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        // Two bytes stay for the line's end and the zero.
        let free = LONGEST - 2 - self.length;
        let taken = &text.as_bytes()[..text.len().min(free)];
        self.text[self.length..][..taken.len()].copy_from_slice(taken);
        self.length += taken.len();
        Ok(())
    }
}

/// Writes a line.
pub(crate) fn line(text: fmt::Arguments<'_>) {
    let mut line = Line {
        text: [0; LONGEST],
        length: 0,
    };
    // A line takes whatever it is given.
    let _ = line.write_fmt(text);
    line.text[line.length] = b'\n';
    // SAFETY: the text ends with a zero.
    unsafe { __wine_dbg_output(line.text.as_ptr().cast()) };
}

/// Stops the session for what the code at `place` did.
pub(crate) fn stop(code: u32, parameters: [usize; 4], place: usize, what: fmt::Arguments) -> ! {
    line(format_args!("kernel: at {place:#x}: {what}"));
    let [first, second, third, fourth] = parameters;
    // SAFETY: none is needed.
    unsafe { KeBugCheckEx(code, first, second, third, fourth) }
}

/// A bug check: its code and parameters on one line, and the end of the process
/// that is this kernel.
///
/// # Safety
///
/// None is needed.
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
    // SAFETY: callable at any time.
    unsafe { ExitProcess(code) }
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    line(format_args!("kernel: {info}"));
    // SAFETY: callable at any time.
    unsafe { ExitProcess(u32::MAX) }
}
