// SPDX-License-Identifier: MIT OR Apache-2.0

//! Strings: counted UTF-16 ones, and the formats of `DbgPrint`.

use std::ffi::CStr;
use std::fmt::Write;
use std::slice;

use windows_sys::Win32::Foundation::UNICODE_STRING;

use crate::exports::exports;
use crate::hardware::irql::{DISPATCH_LEVEL, PASSIVE_LEVEL};
use crate::objects::names::fold;

exports! {
    "RtlInitUnicodeString" <= DISPATCH_LEVEL => rtl_init_unicode_string: ();
    "RtlCopyUnicodeString" <= DISPATCH_LEVEL => rtl_copy_unicode_string: ();
    "RtlEqualUnicodeString" <= PASSIVE_LEVEL => rtl_equal_unicode_string: u8;
}

/// The text of a counted string.
///
/// # Safety
///
/// It is null or a valid counted string.
pub(crate) unsafe fn text(string: *const UNICODE_STRING) -> String {
    if string.is_null() {
        return String::new();
    }
    // SAFETY: it is null or a valid counted string, by this function's
    // contract.
    let string = unsafe { &*string };
    if string.Buffer.is_null() {
        return String::new();
    }
    // SAFETY: it is null or a valid counted string, by this function's
    // contract.
    let units = unsafe { slice::from_raw_parts(string.Buffer, usize::from(string.Length / 2)) };
    String::from_utf16_lossy(units)
}

/// The text of a string that ends with a zero.
///
/// # Safety
///
/// It is null or ends with a zero.
pub(crate) unsafe fn wide_text(string: *const u16) -> String {
    if string.is_null() {
        return String::new();
    }
    // SAFETY: it is null or ends with a zero, by this function's contract.
    String::from_utf16_lossy(unsafe { slice::from_raw_parts(string, wide_length(string)) })
}

/// # Safety
///
/// The string ends with a zero.
pub(in crate::exports) unsafe fn wide_length(string: *const u16) -> usize {
    let mut length = 0;
    // SAFETY: nothing is read beyond the zero.
    while unsafe { string.add(length).read() } != 0 {
        length += 1;
    }
    length
}

unsafe extern "win64" fn rtl_init_unicode_string(string: *mut UNICODE_STRING, source: *mut u16) {
    let length = if source.is_null() {
        0
    } else {
        // SAFETY: the source ends with a zero, as documented.
        unsafe { wide_length(source) }.min(0x7FFE)
    };
    let bytes = u16::try_from(length * 2).expect("cut to fit");
    let value = UNICODE_STRING {
        Length: bytes,
        MaximumLength: if source.is_null() { 0 } else { bytes + 2 },
        Buffer: source,
    };
    // SAFETY: the caller's structure is writable, as documented.
    unsafe { string.write(value) };
}

unsafe extern "win64" fn rtl_copy_unicode_string(
    to: *mut UNICODE_STRING,
    from: *const UNICODE_STRING,
) {
    // SAFETY: the caller's structure is valid, as documented.
    let to = unsafe { &mut *to };
    if from.is_null() {
        to.Length = 0;
        return;
    }
    // SAFETY: the caller's structure is valid, as documented.
    let from = unsafe { &*from };
    to.Length = from.Length.min(to.MaximumLength);
    // SAFETY: both buffers have that many bytes.
    unsafe { to.Buffer.copy_from(from.Buffer, usize::from(to.Length / 2)) };
}

unsafe extern "win64" fn rtl_equal_unicode_string(
    left: *const UNICODE_STRING,
    right: *const UNICODE_STRING,
    ignore_case: u8,
) -> u8 {
    // SAFETY: the strings are valid, as documented.
    let (left, right) = unsafe { (text(left), text(right)) };
    u8::from(if ignore_case == 0 {
        left == right
    } else {
        fold(&left) == fold(&right)
    })
}

/// Formats as the kernel's `printf` does.
///
/// # Safety
///
/// The format ends with a zero and the arguments fit it.
pub(crate) unsafe fn format(format: *const u8, arguments: *const u64) -> String {
    // SAFETY: the format ends with a zero and the arguments fit it, by this
    // function's contract.
    let format = unsafe { CStr::from_ptr(format.cast()) }.to_bytes();
    let mut arguments = Arguments(arguments);
    let mut out = String::new();
    let mut rest = format.iter().copied().peekable();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            out.push(char::from(byte));
            continue;
        }
        let mut spec = Spec::default();
        loop {
            match rest.next() {
                Some(b'-') => spec.pad = Pad::After,
                Some(b'#') => spec.alternate = true,
                Some(b'+' | b' ') => {}
                Some(b'0') if spec.width == 0 && spec.precision.is_none() => {
                    spec.pad = Pad::Zeros;
                }
                Some(b'*') => {
                    // SAFETY: the format ends with a zero and the arguments
                    // fit it, by this function's contract.
                    let value = low(unsafe { arguments.next() }) & 0xFFF;
                    spec.digits(value as usize);
                }
                Some(digit @ b'0'..=b'9') => spec.digit(digit),
                Some(b'.') => spec.precision = Some(0),
                Some(b'l' | b'I') => spec.longs += 1,
                Some(b'h') => spec.short = true,
                Some(b'w') => spec.wide = true,
                Some(b'z') => spec.longs = 2,
                Some(kind) => {
                    // SAFETY: the format ends with a zero and the arguments
                    // fit it, by this function's contract.
                    unsafe { spec.write(kind, &mut arguments, &mut out) };
                    break;
                }
                None => return out,
            }
        }
    }
    out
}

struct Arguments(*const u64);

impl Arguments {
    /// # Safety
    ///
    /// There is another argument.
    unsafe fn next(&mut self) -> u64 {
        // SAFETY: there is another argument, by this function's contract.
        let value = unsafe { self.0.read() };
        // SAFETY: as above: one past it at most.
        self.0 = unsafe { self.0.add(1) };
        value
    }
}

/// What fills a field that is wider than its text.
#[derive(Default)]
enum Pad {
    #[default]
    Before,
    Zeros,
    After,
}

#[derive(Default)]
struct Spec {
    pad: Pad,
    alternate: bool,
    width: usize,
    precision: Option<usize>,
    longs: u32,
    short: bool,
    wide: bool,
}

impl Spec {
    fn digit(&mut self, digit: u8) {
        // `%I64u` is `%llu`.
        if self.longs == 1 && self.width == 0 && self.precision.is_none() && digit == b'6' {
            self.longs = 2;
            return;
        }
        if self.longs == 2 && digit == b'4' {
            return;
        }
        let field = self.precision.as_mut().unwrap_or(&mut self.width);
        *field = (*field * 10 + usize::from(digit - b'0')).min(0xFFF);
    }

    fn digits(&mut self, value: usize) {
        *self.precision.as_mut().unwrap_or(&mut self.width) = value;
    }

    /// # Safety
    ///
    /// The next argument is of this kind.
    unsafe fn write(&self, kind: u8, arguments: &mut Arguments, out: &mut String) {
        if kind == b'%' {
            out.push('%');
            return;
        }
        // SAFETY: the next argument is of this kind, by this function's
        // contract.
        let value = unsafe { arguments.next() };
        let text = match kind {
            b'd' | b'i' if self.longs >= 2 => value.cast_signed().to_string(),
            b'd' | b'i' => low(value).cast_signed().to_string(),
            b'u' => self.unsigned(value).to_string(),
            b'x' if self.alternate => format!("{:#x}", self.unsigned(value)),
            b'x' => format!("{:x}", self.unsigned(value)),
            b'X' => format!("{:X}", self.unsigned(value)),
            b'p' => format!("{value:016X}"),
            b'c' | b'C' => char::from_u32(low(value) & 0xFFFF)
                .unwrap_or('?')
                .to_string(),
            // SAFETY: the next argument is of this kind, by this function's
            // contract.
            b'Z' if self.wide => unsafe { text(value as *const UNICODE_STRING) },
            // SAFETY: the next argument is of this kind, by this function's
            // contract.
            b's' if self.longs > 0 || self.wide => unsafe { wide_text(value as *const u16) },
            // SAFETY: the next argument is of this kind, by this function's
            // contract.
            b'S' if !self.short => unsafe { wide_text(value as *const u16) },
            // SAFETY: the next argument is of this kind, by this function's
            // contract.
            b's' | b'S' => unsafe { self.narrow(value as *const u8) },
            other => format!("%{}", char::from(other)),
        };
        let width = self.width;
        let written = match self.pad {
            Pad::After => write!(out, "{text:<width$}"),
            Pad::Zeros => write!(out, "{text:0>width$}"),
            Pad::Before => write!(out, "{text:>width$}"),
        };
        debug_assert!(written.is_ok(), "a string takes everything");
    }

    fn unsigned(&self, value: u64) -> u64 {
        if self.longs >= 2 {
            value
        } else {
            u64::from(low(value))
        }
    }

    /// # Safety
    ///
    /// The string is null, as long as the precision, or ends with a zero.
    unsafe fn narrow(&self, string: *const u8) -> String {
        if string.is_null() {
            return "(null)".to_owned();
        }
        let most = self.precision.unwrap_or(usize::MAX);
        // SAFETY: nothing is read beyond the zero or the precision.
        let bytes = (0..most).map(|index| unsafe { string.add(index).read() });
        let bytes: Vec<u8> = bytes.take_while(|&byte| byte != 0).collect();
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

/// What a 32-bit argument has of its slot.
#[expect(
    clippy::cast_possible_truncation,
    reason = "the upper half is undefined"
)]
const fn low(value: u64) -> u32 {
    value as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn print(format_text: &CStr, arguments: &[u64]) -> String {
        // SAFETY: each test passes arguments that fit.
        unsafe { format(format_text.as_ptr().cast(), arguments.as_ptr()) }
    }

    #[test]
    fn numbers() {
        let minus_one = u64::from(u32::MAX);
        assert_eq!(print(c"%d %u", &[minus_one, minus_one]), "-1 4294967295");
        assert_eq!(
            print(c"[%5d|%-5d|%05d]", &[42, 42, 42]),
            "[   42|42   |00042]"
        );
        assert_eq!(
            print(c"%x %X %#x %08lx", &[255, 255, 255, 255]),
            "ff FF 0xff 000000ff"
        );
        assert_eq!(
            print(c"%llu %I64u %lld", &[u64::MAX, 1 << 40, u64::MAX]),
            "18446744073709551615 1099511627776 -1"
        );
        assert_eq!(print(c"%p", &[0xABC]), "0000000000000ABC");
        assert_eq!(print(c"100%%", &[]), "100%");
    }

    #[test]
    fn texts() {
        let wide: Vec<u16> = "wide\0".encode_utf16().collect();
        let counted = UNICODE_STRING {
            Length: 4,
            MaximumLength: 8,
            Buffer: wide.as_ptr().cast_mut(),
        };
        let arguments = [
            c"narrow".as_ptr() as u64,
            wide.as_ptr() as u64,
            &raw const counted as u64,
        ];
        assert_eq!(print(c"%s %ws %wZ", &arguments), "narrow wide wi");
        assert_eq!(
            print(c"%.3s|%.*s", &[arguments[0], 2, arguments[0]]),
            "nar|na"
        );
        assert_eq!(print(c"%s %c", &[0, u64::from(b'x')]), "(null) x");
    }
}
