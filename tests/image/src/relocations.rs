// SPDX-License-Identifier: MIT OR Apache-2.0

//! The base relocations.

use object::pe;
use object::read::pe::RelocationBlockIterator;

use crate::Section;
use crate::error::Fault;
use crate::headers::Headers;
use crate::sections::{content, cover_pointer};

/// Reads where the image holds 64-bit addresses of itself.
pub(crate) fn read(
    bytes: &[u8],
    headers: &Headers,
    sections: &[Section],
) -> Result<Vec<u32>, Fault> {
    let directory = headers.relocations;
    if directory.is_absent() {
        return Ok(Vec::new());
    }
    let table = usize::try_from(directory.size)
        .ok()
        .and_then(|size| content(bytes, sections, directory.address)?.get(..size))
        .ok_or_else(|| Fault::Truncated("relocation table".to_owned()))?;

    let mut relocations = Vec::new();
    let mut blocks = RelocationBlockIterator::new(table);
    while let Some(block) = blocks
        .next()
        .map_err(|_| malformed("a block has an impossible size"))?
    {
        // `object` adds offsets with wrap-around.
        if block.virtual_address() >= headers.size_of_image {
            return Err(malformed("a block lies behind the image"));
        }
        for relocation in block {
            match relocation.typ {
                pe::IMAGE_REL_BASED_ABSOLUTE => {}
                pe::IMAGE_REL_BASED_DIR64 => {
                    let address = relocation.virtual_address;
                    if !cover_pointer(sections, address) {
                        let what = format!("the one of {address:#x} is in no section");
                        return Err(malformed(&what));
                    }
                    relocations.push(address);
                }
                other => return Err(malformed(&format!("one is of kind {}", other.0))),
            }
        }
    }
    Ok(relocations)
}

fn malformed(what: &str) -> Fault {
    Fault::Relocations(what.to_owned())
}
