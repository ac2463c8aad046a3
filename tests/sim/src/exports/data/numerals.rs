// SPDX-License-Identifier: MIT OR Apache-2.0

//! Numbers and GUIDs as counted strings.

use windows_sys::Win32::Foundation::{
    STATUS_BUFFER_OVERFLOW, STATUS_INVALID_PARAMETER, STATUS_SUCCESS, UNICODE_STRING,
};

use super::{conversions, strings};
use crate::exports::exports;
use crate::exports::memory::access::{get, set};
use crate::hardware::irql::PASSIVE_LEVEL;

exports! {
    "RtlIntegerToUnicodeString" <= PASSIVE_LEVEL => from_integer: i32;
    "RtlUnicodeStringToInteger" <= PASSIVE_LEVEL => to_integer: i32;
    "RtlStringFromGUID" <= PASSIVE_LEVEL => from_guid: i32;
    "RtlGUIDFromString" <= PASSIVE_LEVEL => to_guid: i32;
}

/// A number in a base, 10 if that is 0; `None` if there is no such base.
fn digits(number: u32, base: u32) -> Option<String> {
    Some(match base {
        2 => format!("{number:b}"),
        8 => format!("{number:o}"),
        0 | 10 => number.to_string(),
        16 => format!("{number:X}"),
        _ => return None,
    })
}

unsafe extern "win64" fn from_integer(number: u32, base: u32, string: usize) -> i32 {
    let Some(text) = digits(number, base) else {
        return STATUS_INVALID_PARAMETER;
    };
    let there: UNICODE_STRING = get(string);
    if 2 * text.len() > usize::from(there.MaximumLength) {
        return STATUS_BUFFER_OVERFLOW;
    }
    let at = there.Buffer.addr();
    for (index, unit) in text.encode_utf16().enumerate() {
        set(at + 2 * index, unit);
    }
    // A zero follows if there is room for it.
    if 2 * text.len() < usize::from(there.MaximumLength) {
        set(at + 2 * text.len(), 0_u16);
    }
    let length = u16::try_from(2 * text.len()).expect("a number is short");
    set(
        string,
        UNICODE_STRING {
            Length: length,
            ..there
        },
    );
    STATUS_SUCCESS
}

/// Of the text as much counts as is a number.
unsafe extern "win64" fn to_integer(string: *const UNICODE_STRING, base: u32, value: usize) -> i32 {
    // SAFETY: the string is valid, as documented.
    let text = unsafe { strings::text(string) };
    let text = text.trim_start();
    let (is_negative, text) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (base, text) = match (base, text.get(..2)) {
        (0, Some("0x")) => (16, &text[2..]),
        (0, Some("0o")) => (8, &text[2..]),
        (0, Some("0b")) => (2, &text[2..]),
        (0, _) => (10, text),
        (2 | 8 | 10 | 16, _) => (base, text),
        _ => return STATUS_INVALID_PARAMETER,
    };
    let digits = text.chars().map_while(|digit| digit.to_digit(base));
    let number = digits.fold(0_u32, |all, digit| {
        all.wrapping_mul(base).wrapping_add(digit)
    });
    let number = if is_negative {
        number.wrapping_neg()
    } else {
        number
    };
    set(value, number);
    STATUS_SUCCESS
}

/// `{00112233-4455-6677-8899-AABBCCDDEEFF}`, in a buffer that the driver frees.
unsafe extern "win64" fn from_guid(guid: usize, string: usize) -> i32 {
    let (first, second, third) = (get::<u32>(guid), get::<u16>(guid + 4), get::<u16>(guid + 6));
    let [low, high, rest @ ..]: [u8; 8] = get(guid + 8);
    let fourth = u16::from_be_bytes([low, high]);
    let rest = rest.iter().fold(0, |all, byte| all << 8 | u64::from(*byte));
    let text = format!("{{{first:08X}-{second:04X}-{third:04X}-{fourth:04X}-{rest:012X}}}");
    conversions::give_text(string, &text, true)
}

/// The bytes of a GUID as they lie in memory; `None` if the text is none.
fn parse_guid(text: &str) -> Option<[u8; 16]> {
    const LENGTHS: [usize; 5] = [8, 4, 4, 4, 12];
    let inner = text.strip_prefix('{')?.strip_suffix('}')?;
    let parts: Vec<_> = inner.split('-').collect();
    let is_right = parts.iter().map(|part| part.len()).eq(LENGTHS);
    let digits = is_right.then(|| parts.concat())?;
    let number = u128::from_str_radix(&digits, 16).ok()?;
    let mut bytes = number.to_be_bytes();
    bytes[..4].reverse();
    bytes[4..6].reverse();
    bytes[6..8].reverse();
    Some(bytes)
}

unsafe extern "win64" fn to_guid(string: *const UNICODE_STRING, guid: usize) -> i32 {
    // SAFETY: the string is valid, as documented.
    let text = unsafe { strings::text(string) };
    let Some(bytes) = parse_guid(&text) else {
        return STATUS_INVALID_PARAMETER;
    };
    set(guid, bytes);
    STATUS_SUCCESS
}
