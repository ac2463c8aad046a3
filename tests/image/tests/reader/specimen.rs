// SPDX-License-Identifier: MIT OR Apache-2.0

//! A small driver image laid out like a linked one: code, constants with the
//! import table, data with a relocated pointer, `.reloc`.

use object::pe;
use object::write::pe::{NtHeaders, SectionRange, Writer};

/// What can be asked to be different.
pub(crate) struct Specimen {
    pub(crate) machine: pe::Machine,
    pub(crate) wide: bool,
    pub(crate) subsystem: pe::Subsystem,
    pub(crate) file_flags: pe::FileFlags,
    pub(crate) dll_flags: pe::DllFlags,
    pub(crate) entry_point: u32,
    pub(crate) text: pe::SectionFlags,
    /// Libraries with their functions; a number stands for an ordinal.
    pub(crate) imports: Vec<(&'static str, Vec<&'static str>)>,
    pub(crate) delay_imports: bool,
    pub(crate) relocation: pe::BaseRelocationType,
    /// A version resource, in a section of its own.
    pub(crate) resources: bool,
}

/// Where the parts end up.
pub(crate) const TEXT: u32 = 0x1000;
pub(crate) const RDATA: u32 = 0x2000;
pub(crate) const DATA: u32 = 0x3000;
const RESOURCES: u32 = 0x4000;
pub(crate) const SIZE_OF_IMAGE: u32 = 0x5000;
pub(crate) const IMAGE_BASE: u64 = 0x1_4000_0000;

const READ: pe::SectionFlags = pe::IMAGE_SCN_MEM_READ;
const RESIDENT: pe::SectionFlags = pe::IMAGE_SCN_MEM_NOT_PAGED;

impl Default for Specimen {
    fn default() -> Self {
        Self {
            machine: pe::IMAGE_FILE_MACHINE_AMD64,
            wide: true,
            subsystem: pe::IMAGE_SUBSYSTEM_NATIVE,
            file_flags: pe::IMAGE_FILE_EXECUTABLE_IMAGE | pe::IMAGE_FILE_LARGE_ADDRESS_AWARE,
            dll_flags: pe::IMAGE_DLLCHARACTERISTICS_NX_COMPAT
                | pe::IMAGE_DLLCHARACTERISTICS_DYNAMIC_BASE
                | pe::IMAGE_DLLCHARACTERISTICS_HIGH_ENTROPY_VA
                | pe::IMAGE_DLLCHARACTERISTICS_FORCE_INTEGRITY,
            entry_point: TEXT,
            text: pe::IMAGE_SCN_CNT_CODE | pe::IMAGE_SCN_MEM_EXECUTE | READ | RESIDENT,
            imports: vec![
                ("ntoskrnl.exe", vec!["DbgPrint", "KeSetEvent"]),
                ("NETIO.SYS", vec!["NmrRegisterClient"]),
            ],
            delay_imports: false,
            relocation: pe::IMAGE_REL_BASED_DIR64,
            resources: false,
        }
    }
}

impl Specimen {
    /// The file.
    pub(crate) fn build(&self) -> Vec<u8> {
        let mut file = Vec::new();
        let mut writer = Writer::new(self.wide, 0x1000, 0x200, &mut file);
        writer.reserve_dos_header();
        writer.reserve_nt_headers(16);
        writer.reserve_section_headers(if self.resources { 5 } else { 4 });

        let code = [0x31, 0xc0, 0xc3];
        let text = reserve(&mut writer, *b".text\0\0\0", self.text, code.len(), 3);
        let table = self.import_table();
        let constants = pe::IMAGE_SCN_CNT_INITIALIZED_DATA | READ | RESIDENT;
        let length = table.len();
        let rdata = reserve(&mut writer, *b".rdata\0\0", constants, length, length);
        let data_flags = constants | pe::IMAGE_SCN_MEM_WRITE;
        let data = reserve(&mut writer, *b".data\0\0\0", data_flags, 0x100, 8);
        if !self.imports.is_empty() {
            writer.set_data_directory(pe::IMAGE_DIRECTORY_ENTRY_IMPORT, RDATA, 0x100);
        }
        if self.delay_imports {
            writer.set_data_directory(pe::IMAGE_DIRECTORY_ENTRY_DELAY_IMPORT, RDATA, 0x100);
        }
        let rsrc = self.resources.then(|| {
            let length = resources().len();
            let flags = constants | pe::IMAGE_SCN_MEM_DISCARDABLE;
            writer.set_data_directory(pe::IMAGE_DIRECTORY_ENTRY_RESOURCE, RESOURCES, 0x100);
            reserve(&mut writer, *b".rsrc\0\0\0", flags, length, length)
        });
        writer.add_reloc(DATA, self.relocation);
        writer.reserve_reloc_section();

        writer.write_empty_dos_header().expect("a Vec takes all");
        writer.write_nt_headers(self.headers());
        writer.write_section_headers();
        writer.write_section(text.file_offset, &code);
        writer.write_section(rdata.file_offset, &table);
        let pointer = IMAGE_BASE + u64::from(TEXT);
        writer.write_section(data.file_offset, &pointer.to_le_bytes());
        if let Some(section) = rsrc {
            writer.write_section(section.file_offset, &resources());
        }
        writer.write_reloc_section();
        file
    }

    fn headers(&self) -> NtHeaders {
        NtHeaders {
            machine: self.machine,
            time_date_stamp: 0,
            characteristics: self.file_flags,
            major_linker_version: 14,
            minor_linker_version: 0,
            address_of_entry_point: self.entry_point,
            image_base: IMAGE_BASE,
            major_operating_system_version: 10,
            minor_operating_system_version: 0,
            major_image_version: 0,
            minor_image_version: 0,
            major_subsystem_version: 10,
            minor_subsystem_version: 0,
            subsystem: self.subsystem,
            dll_characteristics: self.dll_flags,
            size_of_stack_reserve: 0x10_0000,
            size_of_stack_commit: 0x1000,
            size_of_heap_reserve: 0x10_0000,
            size_of_heap_commit: 0x1000,
        }
    }

    /// Descriptors, then per library lookup table, address table and names.
    fn import_table(&self) -> Vec<u8> {
        let mut descriptors = Vec::new();
        let mut rest = Vec::new();
        let start = RDATA + 20 * (u32::try_from(self.imports.len()).expect("few") + 1);
        for (dll, functions) in &self.imports {
            let here = start + u32::try_from(rest.len()).expect("small");
            let table = 8 * (u32::try_from(functions.len()).expect("few") + 1);
            let names_at = here + 2 * table;
            let mut names = Vec::new();
            let mut lookup = Vec::new();
            for function in functions {
                let thunk = if let Ok(ordinal) = function.parse::<u16>() {
                    pe::IMAGE_ORDINAL_FLAG64 | u64::from(ordinal)
                } else {
                    let at = names_at + u32::try_from(names.len()).expect("small");
                    names.extend([0, 0]);
                    names.extend(function.bytes());
                    names.push(0);
                    u64::from(at)
                };
                lookup.extend(thunk.to_le_bytes());
            }
            lookup.extend([0; 8]);
            let dll_at = names_at + u32::try_from(names.len()).expect("small");
            names.extend(dll.bytes());
            names.push(0);
            for field in [here, 0, 0, dll_at, here + table] {
                descriptors.extend(field.to_le_bytes());
            }
            rest.extend(lookup.repeat(2));
            rest.extend(names);
        }
        descriptors.extend([0; 20]);
        descriptors.extend(rest);
        descriptors
    }
}

/// A version resource of version 1.2.3.4 without strings, below its type, name and language.
fn resources() -> Vec<u8> {
    /// The size of the resource, behind tables and a description of 88 bytes.
    const SIZE: u16 = 92;
    let table = |id: u32, offset: u32| [0, 0, 0, 1 << 16, id, offset];
    let below = |offset: u32| offset | pe::IMAGE_RESOURCE_DATA_IS_DIRECTORY;
    let tables = [table(16, below(24)), table(1, below(48)), table(0, 72)].concat();
    let description = [RESOURCES + 88, SIZE.into(), 0, 0];
    let header = [SIZE, 52, 0];
    let key: Vec<_> = "VS_VERSION_INFO".encode_utf16().chain([0, 0]).collect();
    let fixed = [0xfeef_04bd, 0x1_0000, 0x1_0002, 0x3_0004];
    let tables = tables.into_iter().chain(description);
    let mut file: Vec<_> = tables.flat_map(u32::to_le_bytes).collect();
    file.extend(header.into_iter().chain(key).flat_map(u16::to_le_bytes));
    file.extend(fixed.into_iter().flat_map(u32::to_le_bytes));
    file.resize(88 + usize::from(SIZE), 0);
    file
}

fn reserve(
    writer: &mut Writer<'_>,
    name: [u8; 8],
    flags: pe::SectionFlags,
    size: usize,
    in_file: usize,
) -> SectionRange {
    let size = u32::try_from(size).expect("small");
    let in_file = u32::try_from(in_file).expect("small");
    writer.reserve_section(name, flags, size, in_file)
}
