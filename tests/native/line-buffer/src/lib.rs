// SPDX-License-Identifier: MIT OR Apache-2.0

//! A line of text in a buffer of fixed size: no allocation, so that it can be printed at
//! any IRQL and after a failure.

#![cfg_attr(not(test), no_std)]

use core::fmt::{self, Write};

/// A line of at most `SIZE - 2` bytes, a line end and a NUL.
#[derive(Debug)]
pub struct LineBuffer<const SIZE: usize> {
    bytes: [u8; SIZE],
    length: usize,
}

impl<const SIZE: usize> LineBuffer<SIZE> {
    /// Formats `text`; what does not fit is cut off.
    #[must_use]
    pub fn format(text: fmt::Arguments<'_>) -> Self {
        let mut line = Self {
            bytes: [0; SIZE],
            length: 0,
        };
        // Only an error of the formatted value itself; the line then ends before it.
        let _ = line.write_fmt(text);
        line.bytes[line.length] = b'\n';
        line
    }

    /// The NUL-terminated line.
    #[must_use]
    pub const fn as_ptr(&self) -> *const u8 {
        self.bytes.as_ptr()
    }
}

impl<const SIZE: usize> Write for LineBuffer<SIZE> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        // Two bytes are reserved for the line end and the NUL.
        let free = SIZE - 2 - self.length;
        let taken = &text.as_bytes()[..text.len().min(free)];
        self.bytes[self.length..][..taken.len()].copy_from_slice(taken);
        self.length += taken.len();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_line_is_cut_off_before_its_end() {
        let line = LineBuffer::<8>::format(format_args!("{}-{}", 12345, 67890));
        assert_eq!(&line.bytes, b"12345-\n\0");
        let line = LineBuffer::<8>::format(format_args!("ab"));
        assert_eq!(&line.bytes, b"ab\n\0\0\0\0\0");
    }
}
