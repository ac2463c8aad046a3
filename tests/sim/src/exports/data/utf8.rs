// SPDX-License-Identifier: MIT OR Apache-2.0

//! Conversions between UTF-16 and UTF-8.

use windows_sys::Win32::Foundation::{
    STATUS_BUFFER_TOO_SMALL, STATUS_INVALID_PARAMETER, STATUS_INVALID_PARAMETER_4,
    STATUS_INVALID_PARAMETER_5, STATUS_SOME_NOT_MAPPED, STATUS_SUCCESS,
};

use crate::exports::exports;
use crate::exports::memory::access::{get, set};
use crate::hardware::irql::PASSIVE_LEVEL;

exports! {
    "RtlUnicodeToUTF8N" <= PASSIVE_LEVEL => narrow: i32;
    "RtlUTF8ToUnicodeN" <= PASSIVE_LEVEL => widen: i32;
}

/// A character, or `None` for an invalid sequence.
type Decoded = Option<char>;

fn decode_wide(units: Vec<u16>) -> impl Iterator<Item = Decoded> {
    char::decode_utf16(units).map(Result::ok)
}

fn decode_narrow(bytes: &[u8]) -> Vec<Decoded> {
    let mut decoded = Vec::new();
    for chunk in bytes.utf8_chunks() {
        decoded.extend(chunk.valid().chars().map(Some));
        if !chunk.invalid().is_empty() {
            decoded.push(None);
        }
    }
    decoded
}

/// Writes as many characters as fit, encoded by `encode`. Returns the status.
fn write<T: Copy>(
    to: usize,
    room: u32,
    actual: usize,
    text: impl Iterator<Item = Decoded>,
    encode: impl Fn(char) -> Vec<T>,
) -> i32 {
    let (mut bytes, mut status) = (0, STATUS_SUCCESS);
    for character in text {
        let units = encode(character.unwrap_or(char::REPLACEMENT_CHARACTER));
        let size = size_of_val(&*units);
        if to != 0 && bytes + size > room as usize {
            status = STATUS_BUFFER_TOO_SMALL;
            break;
        }
        if character.is_none() {
            status = STATUS_SOME_NOT_MAPPED;
        }
        if to != 0 {
            for (index, unit) in units.iter().enumerate() {
                set(to + bytes + index * size_of::<T>(), *unit);
            }
        }
        bytes += size;
    }
    if actual != 0 {
        set(actual, u32::try_from(bytes).unwrap_or(u32::MAX));
    }
    status
}

/// Returns the status for invalid arguments.
const fn refuse(to: usize, actual: usize, from: usize) -> Option<i32> {
    if to == 0 && actual == 0 {
        Some(STATUS_INVALID_PARAMETER)
    } else if from == 0 {
        Some(STATUS_INVALID_PARAMETER_4)
    } else {
        None
    }
}

unsafe extern "win64" fn narrow(
    to: usize,
    room: u32,
    actual: usize,
    from: usize,
    length: u32,
) -> i32 {
    if let Some(status) = refuse(to, actual, from) {
        return status;
    }
    if !length.is_multiple_of(2) {
        return STATUS_INVALID_PARAMETER_5;
    }
    let units = (0..length as usize / 2).map(|index| get::<u16>(from + 2 * index));
    let text = decode_wide(units.collect());
    write(to, room, actual, text, |character| {
        character.to_string().into_bytes()
    })
}

unsafe extern "win64" fn widen(
    to: usize,
    room: u32,
    actual: usize,
    from: usize,
    length: u32,
) -> i32 {
    if let Some(status) = refuse(to, actual, from) {
        return status;
    }
    let bytes: Vec<_> = (0..length as usize)
        .map(|index| get::<u8>(from + index))
        .collect();
    let text = decode_narrow(&bytes).into_iter();
    write(to, room, actual, text, |character| {
        character.encode_utf16(&mut [0; 2]).to_vec()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_character_is_replaced() {
        let wide: Vec<_> = decode_wide(vec![0x61, 0xD83D, 0xDE00, 0xD83D]).collect();
        assert_eq!(wide, [Some('a'), Some('😀'), None]);
        assert_eq!(decode_narrow(b"a\xC3"), [Some('a'), None]);
    }

    #[test]
    fn as_many_characters_as_fit_are_written() {
        let (buffer, actual) = ([0_u8; 3], 0_u32);
        let text = ['a', 'é', 'b'].map(Some).into_iter();
        let encode = |character: char| character.to_string().into_bytes();
        let at = buffer.as_ptr().addr();
        let status = write(at, 2, (&raw const actual).addr(), text, encode);
        assert_eq!(status, STATUS_BUFFER_TOO_SMALL);
        // SAFETY: both are there; the function has written to them.
        let (buffer, actual) = unsafe {
            (
                (&raw const buffer).read_volatile(),
                (&raw const actual).read_volatile(),
            )
        };
        assert_eq!((buffer, actual), ([b'a', 0, 0], 1));
    }
}
