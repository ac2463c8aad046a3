// SPDX-License-Identifier: MIT OR Apache-2.0

//! Prints lines to the debugger.

use core::fmt;

use line_buffer::LineBuffer;

use crate::system::DbgPrint;

/// Size of a line; the kernel's own buffer has 512 bytes.
const SIZE: usize = 480;

/// Prints a line; what does not fit is cut off. IRQL <= `DISPATCH_LEVEL`.
pub fn line(text: fmt::Arguments<'_>) {
    let line = LineBuffer::<SIZE>::format(text);
    // SAFETY: the line is NUL-terminated, and the format takes one string.
    unsafe { DbgPrint(c"%s".as_ptr(), line.as_ptr()) };
}
