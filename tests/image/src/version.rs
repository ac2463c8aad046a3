// SPDX-License-Identifier: MIT OR Apache-2.0

//! The version resource: what the file says of itself in the Explorer and to installers.
//!
//! <https://learn.microsoft.com/windows/win32/menurc/vs-versioninfo>
//!
//! # Limits
//!
//! The first version resource counts, in whatever language it is. One that cannot be read
//! counts as none: a driver loads without it.

use std::collections::BTreeMap;

use object::LittleEndian as LE;
use object::pe;
use object::read::pe::{ResourceDirectory, ResourceDirectoryTable};

use crate::headers::Headers;
use crate::{Section, sections};

/// The signature of `VS_FIXEDFILEINFO`.
const SIGNATURE: u32 = 0xfeef_04bd;

/// What the version resource of an image says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// The version of the file, in four numbers.
    pub file: [u16; 4],
    /// The strings by name, such as `OriginalFilename`.
    pub strings: BTreeMap<String, String>,
}

/// Reads the version resource, if there is one.
pub(crate) fn read(bytes: &[u8], headers: &Headers, sections: &[Section]) -> Option<Version> {
    let address = headers.resources.address;
    let directory = ResourceDirectory::new(sections::content(bytes, sections, address)?);
    let is_version =
        |entry: &&pe::ImageResourceDirectoryEntry| entry.name_or_id().id() == Some(pe::RT_VERSION);
    let mut types = directory.root().ok()?.entries.iter();
    let named = types.find(is_version)?.data(directory).ok()?.table()?;
    let languages = first(&named)?.data(directory).ok()?.table()?;
    let found = first(&languages)?.data(directory).ok()?.data()?;
    let content = sections::content(bytes, sections, found.offset_to_data.get(LE))?;
    parse(content.get(..usize::try_from(found.size.get(LE)).ok()?)?)
}

fn first<'a>(table: &ResourceDirectoryTable<'a>) -> Option<&'a pe::ImageResourceDirectoryEntry> {
    table.entries.first()
}

fn parse(bytes: &[u8]) -> Option<Version> {
    let root = Node::parse(bytes)?.0;
    if root.key != "VS_VERSION_INFO" || number(root.value, 0)? != SIGNATURE {
        return None;
    }
    // Two numbers of 32 bits, the more significant half behind the other.
    let file = [10, 8, 14, 12].map(|at| half(root.value, at).unwrap_or_default());
    let strings = root
        .children()
        .filter(|node| node.key == "StringFileInfo")
        .flat_map(Node::children)
        .flat_map(Node::children)
        .map(|node| (node.key, text(node.value)))
        .collect();
    Some(Version { file, strings })
}

/// One structure of the tree of which the resource consists.
struct Node<'a> {
    key: String,
    value: &'a [u8],
    rest: &'a [u8],
}

impl<'a> Node<'a> {
    /// The structure at the start of `bytes`, and what follows it.
    fn parse(bytes: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let [length, value_length, kind] = [0, 2, 4].map(|at| half(bytes, at));
        let length = usize::from(length?);
        let whole = bytes.get(..length)?;
        let key = text(whole.get(6..)?);
        let start = aligned(6 + 2 * (key.encode_utf16().count() + 1));
        // The length of a text is in characters, that of other values in bytes.
        let size = usize::from(value_length?) * if kind? == 1 { 2 } else { 1 };
        let value = whole.get(start..).unwrap_or_default();
        let value = &value[..size.min(value.len())];
        let rest = whole.get(aligned(start + size)..).unwrap_or_default();
        let next = bytes.get(aligned(length)..).unwrap_or_default();
        Some((Self { key, value, rest }, next))
    }

    fn children(self) -> impl Iterator<Item = Self> {
        let mut rest = self.rest;
        std::iter::from_fn(move || {
            let (node, next) = Node::parse(rest)?;
            // A length of 0 would never end.
            rest = if next.len() < rest.len() { next } else { &[] };
            Some(node)
        })
    }
}

/// Each part begins at a multiple of 4 bytes.
const fn aligned(offset: usize) -> usize {
    offset.next_multiple_of(4)
}

fn half(bytes: &[u8], at: usize) -> Option<u16> {
    let bytes = bytes.get(at..at + 2)?;
    Some(u16::from_le_bytes(bytes.try_into().ok()?))
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..at + 4)?;
    Some(u32::from_le_bytes(bytes.try_into().ok()?))
}

/// The text at the start of `bytes`, up to a zero.
fn text(bytes: &[u8]) -> String {
    let units = bytes
        .chunks_exact(2)
        .map(|it| u16::from_le_bytes([it[0], it[1]]));
    let units = units.take_while(|unit| *unit != 0);
    char::decode_utf16(units)
        .map(|it| it.unwrap_or(char::REPLACEMENT_CHARACTER))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A structure whose value is a text of `length` characters or other bytes.
    fn node(key: &str, length: Option<usize>, value: &[u8], children: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = vec![0; 6];
        bytes.extend(key.encode_utf16().chain([0]).flat_map(u16::to_le_bytes));
        bytes.resize(aligned(bytes.len()), 0);
        bytes.extend(value);
        for child in children {
            bytes.resize(aligned(bytes.len()), 0);
            bytes.extend(child);
        }
        let kind = usize::from(length.is_some());
        let header = [bytes.len(), length.unwrap_or(value.len()), kind];
        for (at, number) in [0, 2, 4].into_iter().zip(header) {
            let number = u16::try_from(number).expect("short");
            bytes[at..at + 2].copy_from_slice(&number.to_le_bytes());
        }
        bytes
    }

    fn string(key: &str, value: &str) -> Vec<u8> {
        let units: Vec<_> = value.encode_utf16().chain([0]).collect();
        let bytes: Vec<_> = units.iter().flat_map(|it| it.to_le_bytes()).collect();
        node(key, Some(units.len()), &bytes, &[])
    }

    fn resource(key: &str) -> Vec<u8> {
        let mut fixed = vec![0; 52];
        fixed[..4].copy_from_slice(&SIGNATURE.to_le_bytes());
        fixed[8..16].copy_from_slice(&[2, 0, 1, 0, 4, 0, 3, 0]);
        let strings = [string("FileVersion", "1.2.3"), string("Odd", "é")];
        let language = node("000004b0", Some(0), &[], &strings);
        let translation = node("Translation", None, &[0, 0, 0xb0, 4], &[]);
        let parts = [
            node("VarFileInfo", Some(0), &[], &[translation]),
            node("StringFileInfo", Some(0), &[], &[language]),
        ];
        node(key, None, &fixed, &parts)
    }

    #[test]
    fn numbers_and_strings_are_read() {
        let version = parse(&resource("VS_VERSION_INFO")).expect("a version");
        assert_eq!(version.file, [1, 2, 3, 4]);
        let strings: Vec<_> = version.strings.iter().map(|(k, v)| (&**k, &**v)).collect();
        assert_eq!(strings, [("FileVersion", "1.2.3"), ("Odd", "é")]);
    }

    #[test]
    fn another_resource_is_no_version() {
        assert_eq!(parse(&resource("VS_VERSION_INF")), None);
    }

    #[test]
    fn no_part_of_it_is_trusted() {
        let good = resource("VS_VERSION_INFO");
        for end in 0..good.len() {
            let _ = parse(&good[..end]);
            for value in [0, 1, 0x7f, 0xff] {
                let mut bad = good.clone();
                bad[end] = value;
                let _ = parse(&bad);
            }
        }
    }
}
