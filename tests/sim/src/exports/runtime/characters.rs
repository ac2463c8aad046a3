// SPDX-License-Identifier: MIT OR Apache-2.0

//! Classes and cases of characters, in the locale "C".

use crate::exports::exports;
use crate::hardware::irql::HIGH_LEVEL;

exports! {
    "isalnum" <= HIGH_LEVEL => is_alphanumeric: i32;
    "isalpha" <= HIGH_LEVEL => is_alphabetic: i32;
    "isdigit" <= HIGH_LEVEL => is_digit: i32;
    "islower" <= HIGH_LEVEL => is_lower: i32;
    "isprint" <= HIGH_LEVEL => is_printable: i32;
    "isspace" <= HIGH_LEVEL => is_space: i32;
    "isupper" <= HIGH_LEVEL => is_upper: i32;
    "isxdigit" <= HIGH_LEVEL => is_hexadecimal: i32;
    "iswalnum" <= HIGH_LEVEL => is_alphanumeric: i32;
    "iswalpha" <= HIGH_LEVEL => is_alphabetic: i32;
    "iswdigit" <= HIGH_LEVEL => is_digit: i32;
    "iswspace" <= HIGH_LEVEL => is_space: i32;
    "iswxdigit" <= HIGH_LEVEL => is_hexadecimal: i32;
    "tolower" <= HIGH_LEVEL => to_lower_narrow: i32;
    "toupper" <= HIGH_LEVEL => to_upper_narrow: i32;
    "towlower" <= HIGH_LEVEL => to_lower_wide: u16;
    "towupper" <= HIGH_LEVEL => to_upper_wide: u16;
}

/// The lower case of a UTF-16 unit that has one unit of it.
pub(super) fn lower(code: u32) -> u32 {
    let Some(character) = char::from_u32(code) else {
        return code;
    };
    let mut lower = character.to_lowercase();
    match (lower.next(), lower.next()) {
        (Some(one), None) => u32::from(one),
        _ => code,
    }
}

/// The upper case of a UTF-16 unit that has one unit of it.
pub(super) fn upper(code: u32) -> u32 {
    let Some(character) = char::from_u32(code) else {
        return code;
    };
    let mut upper = character.to_uppercase();
    match (upper.next(), upper.next()) {
        (Some(one), None) => u32::from(one),
        _ => code,
    }
}

/// Returns 1 for an ASCII character that `is` of a class.
fn class(code: i32, is: impl Fn(&u8) -> bool) -> i32 {
    i32::from(u8::try_from(code).is_ok_and(|byte| is(&byte)))
}

unsafe extern "win64" fn is_alphanumeric(code: i32) -> i32 {
    class(code, u8::is_ascii_alphanumeric)
}

unsafe extern "win64" fn is_alphabetic(code: i32) -> i32 {
    class(code, u8::is_ascii_alphabetic)
}

unsafe extern "win64" fn is_digit(code: i32) -> i32 {
    class(code, u8::is_ascii_digit)
}

unsafe extern "win64" fn is_lower(code: i32) -> i32 {
    class(code, u8::is_ascii_lowercase)
}

unsafe extern "win64" fn is_upper(code: i32) -> i32 {
    class(code, u8::is_ascii_uppercase)
}

unsafe extern "win64" fn is_hexadecimal(code: i32) -> i32 {
    class(code, u8::is_ascii_hexdigit)
}

unsafe extern "win64" fn is_printable(code: i32) -> i32 {
    class(code, |byte| byte.is_ascii_graphic() || *byte == b' ')
}

/// Tabulators, line feeds and the like among them.
unsafe extern "win64" fn is_space(code: i32) -> i32 {
    class(code, |byte| matches!(byte, b' ' | 9..=13))
}

unsafe extern "win64" fn to_lower_narrow(code: i32) -> i32 {
    u8::try_from(code).map_or(code, |byte| i32::from(byte.to_ascii_lowercase()))
}

unsafe extern "win64" fn to_upper_narrow(code: i32) -> i32 {
    u8::try_from(code).map_or(code, |byte| i32::from(byte.to_ascii_uppercase()))
}

unsafe extern "win64" fn to_lower_wide(code: u16) -> u16 {
    u16::try_from(lower(u32::from(code))).unwrap_or(code)
}

unsafe extern "win64" fn to_upper_wide(code: u16) -> u16 {
    u16::try_from(upper(u32::from(code))).unwrap_or(code)
}
