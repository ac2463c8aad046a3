// SPDX-License-Identifier: MIT OR Apache-2.0

//! Lines for the debugger.

use core::fmt::{self, Write};

use crate::system::DbgPrint;

/// The longest line, which the kernel's own buffer of 512 bytes holds; what is
/// longer is cut off.
const LONGEST: usize = 480;

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

/// Prints a line. IRQL <= `DISPATCH_LEVEL`.
pub fn line(text: fmt::Arguments<'_>) {
    let mut line = Line {
        text: [0; LONGEST],
        length: 0,
    };
    // A line takes whatever it is given.
    let _ = line.write_fmt(text);
    line.text[line.length] = b'\n';
    // SAFETY: both end with a zero, and the format takes one string.
    unsafe { DbgPrint(c"%s".as_ptr(), line.text.as_ptr()) };
}
