// SPDX-License-Identifier: MIT OR Apache-2.0

//! The section table, and lookups in it by address.

use std::ops::Range;

use object::LittleEndian as LE;
use object::pe;
use object::read::pe::SectionTable;

use crate::error::Fault;
use crate::headers::Headers;

/// A part of the image with one protection.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "they are independent bits of the header"
)]
pub struct Section {
    /// Its name, at most 8 characters.
    pub name: String,
    /// Where it starts, relative to the base; whole pages.
    pub address: u32,
    /// Its size in memory; what the file does not fill is zero.
    pub size: u32,
    /// Its content in the file.
    pub file: Range<usize>,
    /// It may be read.
    pub readable: bool,
    /// It may be written.
    pub writable: bool,
    /// It may be executed.
    pub executable: bool,
    /// It may be paged out, so it must not be touched at `DISPATCH_LEVEL`.
    pub paged: bool,
    /// It may go away once the driver has been initialised.
    pub discardable: bool,
}

impl Section {
    /// Returns `true` if `count` bytes at `address`, relative to the base, are
    /// all inside.
    #[must_use]
    pub fn covers(&self, address: u32, count: u32) -> bool {
        let from = u64::from(address);
        let start = u64::from(self.address);
        from >= start && from + u64::from(count) <= start + u64::from(self.size)
    }

    fn read(bytes: &[u8], header: &pe::ImageSectionHeader) -> Result<Self, Fault> {
        let name = String::from_utf8_lossy(header.raw_name()).into_owned();
        let flags = header.characteristics.get(LE);
        // A loader takes a section without a size in memory to be as large as its
        // content in the file.
        let size = match header.virtual_size.get(LE) {
            0 => header.size_of_raw_data.get(LE),
            size => size,
        };
        let offset = header.pointer_to_raw_data.get(LE);
        let length = header.size_of_raw_data.get(LE).min(size);
        let file = if length == 0 {
            0..0
        } else {
            let range = usize::try_from(offset).ok().and_then(|start| {
                let end = start.checked_add(usize::try_from(length).ok()?)?;
                (end <= bytes.len()).then_some(start..end)
            });
            range.ok_or_else(|| Fault::Truncated(format!("section {name}")))?
        };
        Ok(Self {
            address: header.virtual_address.get(LE),
            size,
            file,
            readable: flags.contains(pe::IMAGE_SCN_MEM_READ),
            writable: flags.contains(pe::IMAGE_SCN_MEM_WRITE),
            executable: flags.contains(pe::IMAGE_SCN_MEM_EXECUTE),
            paged: !flags.contains(pe::IMAGE_SCN_MEM_NOT_PAGED),
            discardable: flags.contains(pe::IMAGE_SCN_MEM_DISCARDABLE),
            name,
        })
    }
}

/// Reads the table and checks that the sections fit into the image, the file
/// and beside each other.
pub(crate) fn read(
    bytes: &[u8],
    headers: &Headers,
    table: &SectionTable<'_>,
) -> Result<Vec<Section>, Fault> {
    let mut sections = Vec::new();
    let mut free = u64::from(headers.header_size);
    for header in table.iter() {
        let section = Section::read(bytes, header)?;
        let start = u64::from(section.address);
        let end = start + u64::from(section.size);
        let trouble = if section.size == 0 {
            "has no size"
        } else if section.address % headers.section_alignment != 0 {
            "does not start on a page of its own"
        } else if start < free {
            "overlaps what comes before it"
        } else if end > u64::from(headers.size_of_image) {
            "ends behind the image"
        } else {
            free = end;
            sections.push(section);
            continue;
        };
        let name = section.name;
        return Err(Fault::Layout(format!("section {name} {trouble}")));
    }
    // The size is what a loader reserves: a wrong one must not cost gigabytes.
    let expected = free.next_multiple_of(u64::from(headers.section_alignment));
    if u64::from(headers.size_of_image) != expected {
        return Err(Fault::Layout(format!(
            "an image of {:#x} bytes whose sections end at {free:#x}",
            headers.size_of_image
        )));
    }
    Ok(sections)
}

/// The file's content from `address`, relative to the base, to the end of what
/// its section has in the file.
pub(crate) fn content<'a>(bytes: &'a [u8], sections: &[Section], address: u32) -> Option<&'a [u8]> {
    let section = sections.iter().find(|section| section.covers(address, 1))?;
    let skip = usize::try_from(address.checked_sub(section.address)?).ok()?;
    bytes.get(section.file.clone())?.get(skip..)
}

/// Returns `true` if a 64-bit value at `address` lies within one section.
pub(crate) fn cover_pointer(sections: &[Section], address: u32) -> bool {
    sections.iter().any(|section| section.covers(address, 8))
}
