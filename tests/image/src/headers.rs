// SPDX-License-Identifier: MIT OR Apache-2.0

//! The headers: the type and size of an image.

use std::mem::offset_of;
use std::ops::Range;

use object::LittleEndian as LE;
use object::pe;
use object::read::ReadRef;
use object::read::pe::{DataDirectories, ImageNtHeaders, ImageOptionalHeader, SectionTable};

use crate::Section;
use crate::error::Fault;

/// Pages are the unit of protection: a section must not share one.
const PAGE: u32 = 0x1000;

/// What of the headers matters later.
#[derive(Clone, Debug)]
pub(crate) struct Headers {
    pub(crate) image_base: u64,
    pub(crate) size_of_image: u32,
    pub(crate) header_size: u32,
    pub(crate) section_alignment: u32,
    pub(crate) entry_point: u32,
    pub(crate) dll_flags: pe::DllFlags,
    pub(crate) imports: Directory,
    pub(crate) delay_imports: Directory,
    pub(crate) relocations: Directory,
    pub(crate) functions: Directory,
    pub(crate) resources: Directory,
    pub(crate) checksum: u32,
    /// Where the file has it.
    pub(crate) checksum_place: Range<usize>,
}

/// Where a table is; absent if its address is 0.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Directory {
    pub(crate) address: u32,
    pub(crate) size: u32,
}

impl Directory {
    fn of(directories: &DataDirectories<'_>, index: usize) -> Self {
        let (address, size) = directories
            .get(index)
            .map_or((0, 0), pe::ImageDataDirectory::address_range);
        Self { address, size }
    }

    pub(crate) fn is_absent(self) -> bool {
        self.address == 0
    }
}

/// Reads the headers of the file `bytes`, and finds its section table.
pub(crate) fn read(bytes: &[u8]) -> Result<(Headers, SectionTable<'_>), Fault> {
    let mut offset = identify(bytes)?;
    let checksum_place = checksum_place(offset)?;
    let (nt, directories) = pe::ImageNtHeaders64::parse(bytes, &mut offset)
        .map_err(|_| Fault::Truncated("optional header".to_owned()))?;
    let table = nt
        .sections(bytes, offset)
        .map_err(|_| Fault::Truncated("section table".to_owned()))?;

    let optional = nt.optional_header();
    let subsystem = optional.subsystem();
    if subsystem != pe::IMAGE_SUBSYSTEM_NATIVE {
        return Err(Fault::Subsystem(subsystem.0));
    }
    let flags = nt.file_header().characteristics.get(LE);
    if flags.contains(pe::IMAGE_FILE_RELOCS_STRIPPED) {
        return Err(Fault::Fixed);
    }
    let headers = Headers {
        image_base: optional.image_base(),
        size_of_image: optional.size_of_image(),
        header_size: optional.size_of_headers(),
        section_alignment: optional.section_alignment(),
        entry_point: optional.address_of_entry_point(),
        dll_flags: optional.dll_characteristics(),
        imports: Directory::of(&directories, pe::IMAGE_DIRECTORY_ENTRY_IMPORT),
        delay_imports: Directory::of(&directories, pe::IMAGE_DIRECTORY_ENTRY_DELAY_IMPORT),
        relocations: Directory::of(&directories, pe::IMAGE_DIRECTORY_ENTRY_BASERELOC),
        functions: Directory::of(&directories, pe::IMAGE_DIRECTORY_ENTRY_EXCEPTION),
        resources: Directory::of(&directories, pe::IMAGE_DIRECTORY_ENTRY_RESOURCE),
        checksum: optional.check_sum(),
        checksum_place,
    };
    check_sizes(bytes, &headers)?;
    Ok((headers, table))
}

fn checksum_place(nt_headers: u64) -> Result<Range<usize>, Fault> {
    let field = offset_of!(pe::ImageNtHeaders64, optional_header)
        + offset_of!(pe::ImageOptionalHeader64, check_sum);
    usize::try_from(nt_headers)
        .ok()
        .and_then(|start| start.checked_add(field))
        .map(|start| start..start + size_of::<u32>())
        .ok_or_else(|| Fault::Truncated("header".to_owned()))
}

/// The offset of the NT headers, if this is a PE image for x86-64.
///
/// `object` would say only "invalid"; the user wants to know what the file is.
fn identify(bytes: &[u8]) -> Result<u64, Fault> {
    if bytes.is_empty() {
        return Err(Fault::Empty);
    }
    if !bytes.starts_with(b"MZ") {
        return Err(Fault::NotPe);
    }
    let truncated = |()| Fault::Truncated("header".to_owned());
    let dos = bytes.read_at::<pe::ImageDosHeader>(0).map_err(truncated)?;
    let start = u64::from(dos.nt_headers_offset());
    let mut offset = start;
    if bytes.read_bytes(&mut offset, 4).map_err(truncated)? != b"PE\0\0" {
        return Err(Fault::NotPe);
    }
    let file = bytes
        .read::<pe::ImageFileHeader>(&mut offset)
        .map_err(truncated)?;
    let magic = bytes
        .read::<object::U16<LE>>(&mut offset)
        .map_err(truncated)?;
    let machine = file.machine.get(LE);
    if machine == pe::IMAGE_FILE_MACHINE_I386 || magic.get(LE) == pe::IMAGE_NT_OPTIONAL_HDR32_MAGIC
    {
        return Err(Fault::ThirtyTwoBit);
    }
    if machine != pe::IMAGE_FILE_MACHINE_AMD64 {
        return Err(Fault::Machine(machine.0));
    }
    if magic.get(LE) != pe::IMAGE_NT_OPTIONAL_HDR64_MAGIC {
        return Err(Fault::NotPe);
    }
    Ok(start)
}

fn check_sizes(bytes: &[u8], headers: &Headers) -> Result<(), Fault> {
    let alignment = headers.section_alignment;
    if !alignment.is_power_of_two() || alignment < PAGE {
        return Err(Fault::Layout(format!(
            "sections aligned to {alignment:#x} bytes instead of whole pages"
        )));
    }
    if u64::from(headers.header_size) > bytes.len() as u64 {
        return Err(Fault::Truncated("header".to_owned()));
    }
    if headers.header_size > headers.size_of_image {
        return Err(Fault::Layout("headers larger than the image".to_owned()));
    }
    Ok(())
}

/// The entry point must be code.
pub(crate) fn check_entry_point(headers: &Headers, sections: &[Section]) -> Result<(), Fault> {
    let in_code = |section: &Section| section.executable && section.covers(headers.entry_point, 1);
    if headers.entry_point == 0 || !sections.iter().any(in_code) {
        return Err(Fault::NoEntryPoint);
    }
    Ok(())
}
