// SPDX-License-Identifier: MIT OR Apache-2.0

//! The values of the fields of `TraceLogging` events, by their in-type and out-type.

use crate::exports::etw::reader::{Malformed, Reader};

/// Out-types that show a number otherwise than in decimal.
const BOOLEAN: u8 = 3;
const HEX: u8 = 4;

/// The longest value that is shown, in characters.
const LONGEST: usize = 120;

/// The value of this type that comes next in the data; `None` if there is no such type.
///
/// # Errors
///
/// The data ends within the value.
pub(super) fn show(kind: u8, out: u8, data: &mut Reader<'_>) -> Result<Option<String>, Malformed> {
    /// Reads a number and shows it in decimal, or as its out-type says.
    macro_rules! number {
        ($number:ty) => {{
            let number = <$number>::from_le_bytes(data.array()?);
            match out {
                BOOLEAN => (number != <$number>::default()).to_string(),
                HEX => format!("{number:#x}"),
                _ => number.to_string(),
            }
        }};
    }
    Ok(Some(match kind {
        0 => String::new(),
        1 => wide(data.until_zero::<2>()?),
        2 => narrow(data.until_zero::<1>()?),
        3 => number!(i8),
        4 => number!(u8),
        5 => number!(i16),
        6 => number!(u16),
        7 => number!(i32),
        8 => number!(u32),
        9 => number!(i64),
        10 => number!(u64),
        11 => f32::from_le_bytes(data.array()?).to_string(),
        12 => f64::from_le_bytes(data.array()?).to_string(),
        13 => (u32::from_le_bytes(data.array()?) != 0).to_string(),
        14 | 25 => hex(counted(data)?),
        15 => guid(data.array()?),
        18 => hex(&data.array::<16>()?),
        19 => {
            let head = data.array::<8>()?;
            hex(&[&head, data.take(4 * usize::from(head[1]))?].concat())
        }
        20 => format!("{:#010x}", u32::from_le_bytes(data.array()?)),
        17 | 21 => format!("{:#x}", u64::from_le_bytes(data.array()?)),
        22 => wide(counted(data)?),
        23 => narrow(counted(data)?),
        _ => return Ok(None),
    }))
}

/// Bytes after their number.
pub(super) fn counted<'a>(data: &mut Reader<'a>) -> Result<&'a [u8], Malformed> {
    let count = data.number()?;
    data.take(usize::from(count))
}

fn narrow(bytes: &[u8]) -> String {
    quoted(&String::from_utf8_lossy(bytes))
}

fn wide(bytes: &[u8]) -> String {
    let units = bytes.as_chunks().0.iter().copied();
    let units: Vec<_> = units.map(u16::from_le_bytes).collect();
    quoted(&String::from_utf16_lossy(&units))
}

fn quoted(text: &str) -> String {
    format!("{:?}", shortened(text))
}

/// Bytes in hexadecimal.
pub(super) fn hex(bytes: &[u8]) -> String {
    let digits = bytes.iter().flat_map(|&byte| [byte >> 4, byte & 0xF]);
    let digits = digits.map(|digit| char::from_digit(digit.into(), 16).unwrap_or_default());
    shortened(&digits.collect::<String>())
}

fn shortened(text: &str) -> String {
    let mut short: String = text.chars().take(LONGEST).collect();
    if short.len() < text.len() {
        short.push_str("...");
    }
    short
}

/// A GUID as Windows writes it.
pub(super) fn guid(bytes: [u8; 16]) -> String {
    let word = |at: usize| u16::from_le_bytes([bytes[at], bytes[at + 1]]);
    let (low, high, second, third) = (word(0), word(2), word(4), word(6));
    let (fourth, node) = (hex(&bytes[8..10]), hex(&bytes[10..]));
    format!("{{{high:04x}{low:04x}-{second:04x}-{third:04x}-{fourth}-{node}}}")
}
