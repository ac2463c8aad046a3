// SPDX-License-Identifier: MIT OR Apache-2.0

//! The import table: which functions of which images, and where their
//! addresses go.
//!
//! `object` looks names up in one section only; linkers spread them over
//! several, so the table is walked here.

use std::collections::BTreeSet;
use std::fmt;

use object::LittleEndian as LE;
use object::pe;
use object::read::Bytes;
use object::read::pe::ImageThunkData;

use crate::Section;
use crate::error::Fault;
use crate::headers::Headers;
use crate::sections::{content, cover_pointer};

/// No exporter has longer names; a file that does would cost a reader its time.
const LONGEST_NAME: usize = 4096;

/// A function or variable that the image takes from another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Import {
    /// The exporting image, as the import table spells it.
    pub dll: String,
    /// What is imported.
    pub symbol: Symbol,
    /// Where its address is to be written, relative to the base.
    pub slot: u32,
}

/// The name or number of an export.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Symbol {
    /// A name.
    Name(String),
    /// A number in the exporter's table.
    Ordinal(u16),
}

impl Symbol {
    /// The name, unless it is a number.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Name(name) => Some(name),
            Self::Ordinal(_) => None,
        }
    }
}

impl fmt::Display for Symbol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Ordinal(ordinal) => write!(f, "ordinal {ordinal}"),
        }
    }
}

/// Reads all imports; no two of them share a slot.
pub(crate) fn read(
    bytes: &[u8],
    headers: &Headers,
    sections: &[Section],
) -> Result<Vec<Import>, Fault> {
    if !headers.delay_imports.is_absent() {
        return Err(Fault::DelayImport);
    }
    if headers.imports.is_absent() {
        return Ok(Vec::new());
    }
    let table = Table { bytes, sections };
    let mut descriptors = table.at(headers.imports.address, "its address")?;
    let mut imports = Vec::new();
    let mut slots = BTreeSet::new();
    loop {
        let descriptor = descriptors
            .read::<pe::ImageImportDescriptor>()
            .map_err(|()| malformed("it has no end"))?;
        if descriptor.is_null() {
            return Ok(imports);
        }
        for import in table.library(descriptor)? {
            if !slots.insert(import.slot) {
                return Err(malformed(&format!("two imports share {:#x}", import.slot)));
            }
            imports.push(import);
        }
    }
}

/// The import table in its file.
struct Table<'a> {
    bytes: &'a [u8],
    sections: &'a [Section],
}

impl<'a> Table<'a> {
    fn at(&self, address: u32, what: &str) -> Result<Bytes<'a>, Fault> {
        content(self.bytes, self.sections, address)
            .map(Bytes)
            .ok_or_else(|| malformed(&format!("{what} lies outside the file's sections")))
    }

    fn name(mut text: Bytes<'a>) -> Result<String, Fault> {
        text.read_string()
            .ok()
            .filter(|name| (1..=LONGEST_NAME).contains(&name.len()))
            .filter(|name| name.iter().all(u8::is_ascii_graphic))
            .and_then(|name| String::from_utf8(name.to_vec()).ok())
            .ok_or_else(|| malformed("a name is not one"))
    }

    /// What one descriptor imports.
    fn library(&self, descriptor: &pe::ImageImportDescriptor) -> Result<Vec<Import>, Fault> {
        let dll = Self::name(self.at(descriptor.name.get(LE), "a library's name")?)?;
        let first_slot = descriptor.first_thunk.get(LE);
        let lookup = match descriptor.original_first_thunk.get(LE) {
            0 => first_slot,
            address => address,
        };
        let mut thunks = self.at(lookup, "a lookup table")?;
        let mut imports = Vec::new();
        let mut next_slot = Some(first_slot);
        loop {
            let thunk = *thunks
                .read::<pe::ImageThunkData64>()
                .map_err(|()| malformed("a lookup table has no end"))?;
            if thunk.raw() == 0 {
                return Ok(imports);
            }
            let symbol = if thunk.is_ordinal() {
                Symbol::Ordinal(thunk.ordinal())
            } else {
                let mut hint_and_name = self.at(thunk.address(), "a function's name")?;
                hint_and_name
                    .skip(2)
                    .map_err(|()| malformed("a function has no name"))?;
                Symbol::Name(Self::name(hint_and_name)?)
            };
            let slot = next_slot
                .filter(|&slot| cover_pointer(self.sections, slot))
                .ok_or_else(|| malformed("an address slot lies outside the sections"))?;
            next_slot = slot.checked_add(8);
            imports.push(Import {
                dll: dll.clone(),
                symbol,
                slot,
            });
        }
    }
}

fn malformed(what: &str) -> Fault {
    Fault::Imports(what.to_owned())
}
