// SPDX-License-Identifier: MIT OR Apache-2.0

//! The formats of `DbgPrint` and of the C runtime.

use std::ffi::CStr;
use std::fmt::Write;

use windows_sys::Win32::Foundation::UNICODE_STRING;

use super::strings::{text, wide_text};
use crate::exports::memory::access::load;

/// Formats as the kernel's `printf` does.
///
/// # Safety
///
/// The format ends with a zero and the arguments fit it.
pub(crate) unsafe fn format(format: *const u8, arguments: *const u64) -> String {
    // SAFETY: the format ends with a zero, by this function's contract.
    let format = unsafe { CStr::from_ptr(format.cast()) }.to_bytes();
    let format: Vec<char> = format.iter().copied().map(char::from).collect();
    // SAFETY: the arguments fit, by this function's contract.
    unsafe { print(&format, false, Arguments(arguments)) }
}

/// Formats as the kernel's `wprintf` does: strings are wide unless a format says
/// otherwise.
///
/// # Safety
///
/// The format ends with a zero and the arguments fit it.
pub(crate) unsafe fn format_wide(format: *const u16, arguments: *const u64) -> String {
    // SAFETY: the format ends with a zero, by this function's contract.
    let format: Vec<char> = unsafe { wide_text(format) }.chars().collect();
    // SAFETY: the arguments fit, by this function's contract.
    unsafe { print(&format, true, Arguments(arguments)) }
}

/// # Safety
///
/// The arguments fit the format.
unsafe fn print(format: &[char], is_wide: bool, mut arguments: Arguments) -> String {
    let mut out = String::new();
    let mut rest = format;
    while let Some(character) = next(&mut rest) {
        if character != '%' {
            out.push(character);
            continue;
        }
        let mut spec = Spec {
            is_wide,
            ..Spec::default()
        };
        loop {
            match next(&mut rest) {
                Some('-') => spec.pad = Pad::After,
                Some('#') => spec.alternate = true,
                Some('+') => spec.sign = Some('+'),
                Some(' ') => spec.sign = spec.sign.or(Some(' ')),
                Some('0') if spec.width == 0 && spec.precision.is_none() => {
                    if !matches!(spec.pad, Pad::After) {
                        spec.pad = Pad::Zeros;
                    }
                }
                Some('*') => {
                    // SAFETY: the arguments fit, by this function's contract.
                    let value = low(unsafe { arguments.next() }) & 0xFFF;
                    spec.digits(value as usize);
                }
                Some(digit @ '0'..='9') => spec.digit(digit),
                Some('.') => spec.precision = Some(0),
                Some('I') => match rest {
                    ['3', '2', after @ ..] => rest = after,
                    ['6', '4', after @ ..] => {
                        spec.longs = 2;
                        rest = after;
                    }
                    // As large as a pointer.
                    _ => spec.longs = 2,
                },
                Some('l') => spec.longs += 1,
                Some('h') => spec.short = true,
                Some('w') => spec.wide = true,
                Some('z' | 'j' | 't') => spec.longs = 2,
                Some(kind) => {
                    // SAFETY: the arguments fit, by this function's contract.
                    unsafe { spec.write(kind, &mut arguments, &mut out) };
                    break;
                }
                None => return out,
            }
        }
    }
    out
}

/// Takes the first character off.
fn next(rest: &mut &[char]) -> Option<char> {
    let (&first, after) = rest.split_first()?;
    *rest = after;
    Some(first)
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
#[expect(
    clippy::struct_excessive_bools,
    reason = "they are independent parts of a format"
)]
struct Spec {
    pad: Pad,
    alternate: bool,
    width: usize,
    precision: Option<usize>,
    longs: u32,
    short: bool,
    wide: bool,
    /// What stands before a number that is not negative.
    sign: Option<char>,
    /// The format is wide, and so is a string by default.
    is_wide: bool,
}

impl Spec {
    fn digit(&mut self, digit: char) {
        let digit = digit.to_digit(10).unwrap_or_default() as usize;
        let field = self.precision.as_mut().unwrap_or(&mut self.width);
        *field = (*field * 10 + digit).min(0xFFF);
    }

    fn digits(&mut self, value: usize) {
        *self.precision.as_mut().unwrap_or(&mut self.width) = value;
    }

    /// # Safety
    ///
    /// The next argument is of this kind.
    unsafe fn write(&self, kind: char, arguments: &mut Arguments, out: &mut String) {
        if kind == '%' {
            out.push('%');
            return;
        }
        // SAFETY: the next argument is of this kind, by this function's
        // contract.
        let value = unsafe { arguments.next() };
        let number = |text: String| self.number(text, None);
        let text = match kind {
            'd' | 'i' => self.number(self.signed(value).to_string(), self.sign),
            'u' => number(self.unsigned(value).to_string()),
            'o' => number(format!("{:o}", self.unsigned(value))),
            'x' if self.alternate => format!("{:#x}", self.unsigned(value)),
            'x' => number(format!("{:x}", self.unsigned(value))),
            'X' if self.alternate => format!("0X{:X}", self.unsigned(value)),
            'X' => number(format!("{:X}", self.unsigned(value))),
            'p' => format!("{value:016X}"),
            'c' | 'C' => char::from_u32(low(value) & 0xFFFF)
                .unwrap_or('?')
                .to_string(),
            // SAFETY: the next argument is of this kind, by this function's
            // contract.
            'Z' if self.wide => unsafe { text(value as *const UNICODE_STRING) },
            // SAFETY: the next argument is of this kind, by this function's
            // contract.
            's' | 'S' if self.is_wide_string(kind) => unsafe { self.wide(value as *const u16) },
            // SAFETY: the next argument is of this kind, by this function's
            // contract.
            's' | 'S' => unsafe { self.narrow(value as *const u8) },
            other => format!("%{other}"),
        };
        let width = self.width;
        let written = match self.pad {
            Pad::After => write!(out, "{text:<width$}"),
            Pad::Zeros if text.starts_with(['-', '+']) => {
                let (sign, digits) = text.split_at(1);
                write!(
                    out,
                    "{sign}{digits:0>width$}",
                    width = width.saturating_sub(1)
                )
            }
            Pad::Zeros => write!(out, "{text:0>width$}"),
            Pad::Before => write!(out, "{text:>width$}"),
        };
        debug_assert!(written.is_ok(), "a string takes everything");
    }

    /// Returns `true` if `%s` or `%S` stands for a wide string: `%S` for a string of the
    /// other kind than the format.
    const fn is_wide_string(&self, kind: char) -> bool {
        if self.longs > 0 || self.wide {
            true
        } else if self.short {
            false
        } else {
            self.is_wide == (kind == 's')
        }
    }

    /// The digits of a number, with its sign, and zeros up to the precision.
    fn number(&self, text: String, plus: Option<char>) -> String {
        let (sign, digits) = match text.strip_prefix('-') {
            Some(digits) => ("-".to_owned(), digits.to_owned()),
            None => (plus.map(String::from).unwrap_or_default(), text),
        };
        let least = self.precision.unwrap_or_default();
        format!("{sign}{digits:0>least$}")
    }

    fn signed(&self, value: u64) -> i64 {
        if self.longs >= 2 {
            value.cast_signed()
        } else if self.short {
            let [low, high, ..] = value.to_le_bytes();
            i64::from(i16::from_le_bytes([low, high]))
        } else {
            i64::from(low(value).cast_signed())
        }
    }

    fn unsigned(&self, value: u64) -> u64 {
        if self.longs >= 2 {
            value
        } else if self.short {
            u64::from(low(value) & 0xFFFF)
        } else {
            u64::from(low(value))
        }
    }

    /// # Safety
    ///
    /// The string is null, as long as the precision, or ends with a zero.
    unsafe fn wide(&self, string: *const u16) -> String {
        if string.is_null() {
            return "(null)".to_owned();
        }
        let most = self.precision.unwrap_or(usize::MAX);
        // SAFETY: nothing is read beyond the zero or the precision.
        let units = (0..most).map(|index| unsafe { load(string.wrapping_add(index)) });
        let units: Vec<u16> = units.take_while(|&unit| unit != 0).collect();
        String::from_utf16_lossy(&units)
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
        let bytes = (0..most).map(|index| unsafe { load(string.wrapping_add(index)) });
        bytes
            .take_while(|&byte| byte != 0)
            .map(char::from)
            .collect()
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
        assert_eq!(print(c"%+d % d %05d", &[1, 2, minus_one]), "+1  2 -0001");
        assert_eq!(print(c"%.4x %3.2u|%hu", &[0xA, 5, 0x1_0002]), "000a  05|2");
        assert_eq!(
            print(c"%Iu %I32u %zu", &[1 << 40; 3]),
            "1099511627776 0 1099511627776"
        );
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
        assert_eq!(print(c"%S %.2ws", &arguments[1..2].repeat(2)), "wide wi");
        let format: Vec<u16> = "%s %S %hs\0".encode_utf16().collect();
        let all = [arguments[1], arguments[0], arguments[0]];
        // SAFETY: the arguments fit.
        let text = unsafe { format_wide(format.as_ptr(), all.as_ptr()) };
        assert_eq!(text, "wide narrow narrow");
    }
}
