// SPDX-License-Identifier: MIT OR Apache-2.0

//! Decodes `TraceLogging` events, which describe themselves: name, and name and type of each
//! field.
//!
//! The encoding is that of `TraceLoggingProvider.h` in the Windows SDK.
//!
//! <https://learn.microsoft.com/windows/win32/api/traceloggingprovider/>

use std::fmt::Write;

use crate::exports::etw::reader::{Malformed, Reader};
use crate::exports::etw::value;

/// The flags of an in-type that make it an array, and the mask of both.
const CONSTANT_COUNT: u8 = 0x20;
const VARIABLE_COUNT: u8 = 0x40;
const COUNTS: u8 = 0x60;
/// More of the description follows.
const CHAIN: u8 = 0x80;
/// The in-type of a structure, whose out-type is the number of its fields.
const STRUCT: u8 = 24;
/// The deepest that structures lie within each other.
const DEEPEST: u8 = 8;

/// Decodes an event: its name, then each field with its value.
///
/// # Errors
///
/// What is wrong with it.
pub(super) fn decode(metadata: &[u8], data: &[u8]) -> Result<String, Malformed> {
    let mut description = Reader::sized(metadata, "metadata")?;
    skip_tags(&mut description)?;
    let mut text = description.name()?;
    let mut data = Reader::new(data, "data");
    let mut between = ": ";
    while !description.is_empty() {
        text.push_str(between);
        let described = Field::read(&mut description)?;
        described.show(&mut description, &mut data, 0, &mut text)?;
        between = ", ";
    }
    data.finish()?;
    Ok(text)
}

/// The name of a provider, by its traits.
///
/// # Errors
///
/// What is wrong with them.
pub(super) fn provider_name(traits: &[u8]) -> Result<String, Malformed> {
    Reader::sized(traits, "provider traits")?.name()
}

/// Skips the tags of an event or a field.
fn skip_tags(description: &mut Reader<'_>) -> Result<(), Malformed> {
    while description.byte()? & CHAIN != 0 {}
    Ok(())
}

/// The description of a field.
struct Field {
    name: String,
    in_type: u8,
    out_type: u8,
    /// The number of elements of an array with a constant one.
    count: Option<u16>,
}

impl Field {
    fn read(description: &mut Reader<'_>) -> Result<Self, Malformed> {
        let name = description.name()?;
        let in_type = description.byte()?;
        let mut out_type = 0;
        if in_type & CHAIN != 0 {
            out_type = description.byte()?;
            if out_type & CHAIN != 0 {
                skip_tags(description)?;
            }
        }
        let count = match in_type & COUNTS {
            CONSTANT_COUNT => Some(description.number()?),
            COUNTS => {
                let size = description.number()?;
                description.take(usize::from(size))?;
                None
            }
            _ => None,
        };
        Ok(Self {
            name,
            in_type: in_type & !CHAIN,
            out_type: out_type & !CHAIN,
            count,
        })
    }

    /// The data ends within this field.
    fn cut(&self) -> Malformed {
        Malformed::Field(self.name.clone())
    }

    /// Adds the field and its value to `text`.
    fn show(
        &self,
        description: &mut Reader<'_>,
        data: &mut Reader<'_>,
        depth: u8,
        text: &mut String,
    ) -> Result<(), Malformed> {
        let _ = write!(text, "{}=", self.name);
        let elements = match self.in_type & COUNTS {
            CONSTANT_COUNT => self.count,
            VARIABLE_COUNT => Some(data.number().map_err(|_| self.cut())?),
            COUNTS => {
                let bytes = value::counted(data).map_err(|_| self.cut())?;
                text.push_str(&value::hex(bytes));
                return Ok(());
            }
            _ => None,
        };
        let Some(elements) = elements else {
            return self.show_one(description, data, depth, text);
        };
        // Each element of an array of structures is described by the same fields.
        let described = description.clone();
        text.push('[');
        for element in 0..elements {
            if element > 0 {
                text.push_str(", ");
            }
            *description = described.clone();
            self.show_one(description, data, depth, text)?;
        }
        text.push(']');
        Ok(())
    }

    fn show_one(
        &self,
        description: &mut Reader<'_>,
        data: &mut Reader<'_>,
        depth: u8,
        text: &mut String,
    ) -> Result<(), Malformed> {
        let kind = self.in_type & !COUNTS;
        if kind != STRUCT {
            let shown = value::show(kind, self.out_type, data).map_err(|_| self.cut())?;
            text.push_str(&shown.ok_or_else(|| Malformed::Type {
                field: self.name.clone(),
                kind,
            })?);
            return Ok(());
        }
        if depth == DEEPEST {
            return Err(Malformed::Deep);
        }
        text.push('{');
        for member in 0..self.out_type {
            if member > 0 {
                text.push_str(", ");
            }
            Self::read(description)?.show(description, data, depth + 1, text)?;
        }
        text.push('}');
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The metadata of an event `E` with these fields.
    fn metadata(fields: &[u8]) -> Vec<u8> {
        let mut all = vec![0, 0, 0];
        all.extend(b"E\0");
        all.extend(fields);
        let size = u16::try_from(all.len()).expect("it is small");
        all[..2].copy_from_slice(&size.to_le_bytes());
        all
    }

    fn decoded(fields: &[u8], data: &[u8]) -> String {
        decode(&metadata(fields), data).unwrap_or_else(|wrong| format!("wrong: {wrong}"))
    }

    #[test]
    fn each_type_has_its_form() {
        assert_eq!(decoded(b"", b""), "E");
        assert_eq!(
            decoded(b"A\0\x08B\0\x03", &[7, 0, 0, 0, 0xFF]),
            "E: A=7, B=-1"
        );
        assert_eq!(decoded(b"S\0\x97\x23", b"\x02\0hi"), "E: S=\"hi\"");
        assert_eq!(decoded(b"S\0\x16", b"\x04\0h\0i\0"), "E: S=\"hi\"");
        assert_eq!(decoded(b"S\0\x02", b"hi\0"), "E: S=\"hi\"");
        assert_eq!(decoded(b"S\0\x01", b"h\0i\0\0\0"), "E: S=\"hi\"");
        assert_eq!(
            decoded(b"N\0\x94\x0F", &[0x0D, 0, 0, 0xC0]),
            "E: N=0xc000000d"
        );
        assert_eq!(decoded(b"B\0\x0E", &[2, 0, 1, 0xAB]), "E: B=01ab");
        assert_eq!(decoded(b"B\0\x84\x03", &[1]), "E: B=true");
        assert_eq!(
            decoded(
                b"G\0\x0F",
                &[1, 0, 0, 0, 2, 0, 3, 0, 4, 5, 6, 7, 8, 9, 10, 11]
            ),
            "E: G={00000001-0002-0003-0405-060708090a0b}"
        );
    }

    #[test]
    fn arrays_and_structures_are_shown_with_their_elements() {
        assert_eq!(decoded(b"A\0\x24\x03\0", &[1, 2, 3]), "E: A=[1, 2, 3]");
        assert_eq!(decoded(b"A\0\x44", &[2, 0, 8, 9]), "E: A=[8, 9]");
        assert_eq!(
            decoded(b"S\0\x98\x02A\0\x04B\0\x04C\0\x04", &[1, 2, 3]),
            "E: S={A=1, B=2}, C=3"
        );
        assert_eq!(
            decoded(b"S\0\xD8\x01A\0\x04", &[2, 0, 1, 2]),
            "E: S=[{A=1}, {A=2}]"
        );
        let deep = b"S\0\x98\x01".repeat(20);
        assert!(decoded(&deep, b"").starts_with("wrong: its structures lie too deep"));
    }

    #[test]
    fn what_is_malformed_is_said() {
        assert_eq!(
            decoded(b"A\0\x08", &[1, 2]),
            "wrong: its data ends within the field A"
        );
        assert_eq!(
            decoded(b"A\0\x04", &[1, 2]),
            "wrong: its data has 1 byte more than its fields"
        );
        assert_eq!(
            decoded(b"A\0\x1F", &[1, 2]),
            "wrong: the field A has the type 31, which TraceLogging does not have"
        );
        assert_eq!(decoded(b"A", b""), "wrong: its metadata ends within a name");
        assert_eq!(decoded(b"A\0", b""), "wrong: its metadata ends too early");
        assert_eq!(
            decode(&[9, 0, 0, b'E', 0], b"").map_err(|it| it.to_string()),
            Err("its metadata has 5 bytes and says that it has 9".to_owned())
        );
        assert_eq!(
            provider_name(&[5, 0, b'P', b'Q', 0]).map_err(|it| it.to_string()),
            Ok("PQ".to_owned())
        );
        assert!(provider_name(&[]).is_err());
    }
}
