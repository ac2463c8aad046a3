// SPDX-License-Identifier: MIT OR Apache-2.0

//! Mends what clang 14 (Debian 12's) writes as DWARF 5: its line tables refer to
//! `.debug_line_str` by the low half of an address, not by an offset in that section.

use std::collections::BTreeSet;
use std::ops::Range;

use gimli::{AttributeValue, DebugLine, DebugLineOffset, LittleEndian};

/// Replaces addresses by offsets in the headers of the content of `.debug_line`, where
/// `.debug_line_str` has these addresses. What is right stays as it is.
pub(super) fn mend(lines: &mut [u8], strings: &Range<u32>) {
    let mut start = 0;
    while let Some(length) = word(lines, start) {
        // The other is a mark of tables of more than 4 GB.
        let Some(end) = start.checked_add(4 + length as usize) else {
            return;
        };
        let (wrong, header) = wrong_references(lines, start, strings);
        let header = start..end.min(start + 4 + header).min(lines.len());
        let mut at = header.start;
        while at + 4 <= header.end {
            match word(lines, at).filter(|reference| wrong.contains(reference)) {
                Some(reference) => {
                    let offset = reference - strings.start;
                    lines[at..at + 4].copy_from_slice(&offset.to_le_bytes());
                    at += 4;
                }
                None => at += 1,
            }
        }
        start = end;
    }
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..)?.first_chunk()?;
    Some(u32::from_le_bytes(*bytes))
}

/// The references of the table at an offset that are addresses, and the size of the
/// header that they are in.
fn wrong_references(lines: &[u8], start: usize, strings: &Range<u32>) -> (BTreeSet<u32>, usize) {
    let table = DebugLine::new(lines, LittleEndian);
    let Ok(program) = table.program(DebugLineOffset(start), 8, None, None) else {
        return (BTreeSet::new(), 0);
    };
    let header = program.header();
    let files = header.file_names().iter().map(gimli::FileEntry::path_name);
    let names = header.include_directories().iter().copied().chain(files);
    let length = strings.end - strings.start;
    let wrong = names.filter_map(|name| match name {
        AttributeValue::DebugLineStrRef(offset) => u32::try_from(offset.0).ok(),
        _ => None,
    });
    let wrong = wrong.filter(|at| *at >= length && strings.contains(at));
    // The length and the version stand before what it counts.
    (wrong.collect(), header.header_length().saturating_add(12))
}
