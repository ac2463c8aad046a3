// SPDX-License-Identifier: MIT OR Apache-2.0

//! DWARF in an image's sections, as gcc and clang write it.

use std::rc::Rc;

use addr2line::Context;
use gimli::{EndianRcSlice, LittleEndian, SectionId};
use object::read::pe::PeFile64;
use object::{Object, ObjectSection};

use super::{Frame, line_strings};

type Reader = EndianRcSlice<LittleEndian>;

/// What DWARF says.
pub(super) struct Dwarf {
    context: Context<Reader>,
    /// Its addresses are those of an image that is mapped here.
    base: u64,
}

impl Dwarf {
    /// That of a file; `None` if it has none that can be read.
    pub(super) fn of(file: &PeFile64<'_>) -> Option<Self> {
        file.section_by_name(SectionId::DebugInfo.name())?;
        let load = |id: SectionId| -> Result<Reader, gimli::Error> {
            Ok(Reader::new(content(file, id), LittleEndian))
        };
        let context = Context::from_dwarf(gimli::Dwarf::load(load).ok()?).ok()?;
        let base = file.relative_address_base();
        Some(Self { context, base })
    }

    /// The functions at `offset`, the innermost first.
    pub(super) fn frames(&self, offset: u32) -> Vec<Frame> {
        self.try_frames(offset).unwrap_or_default()
    }

    fn try_frames(&self, offset: u32) -> Result<Vec<Frame>, gimli::Error> {
        let Some(address) = self.base.checked_add(u64::from(offset)) else {
            return Ok(Vec::new());
        };
        let mut found = self.context.find_frames(address).skip_all_loads()?;
        let mut frames = Vec::new();
        while let Some(frame) = found.next()? {
            let function = frame.function.as_ref();
            let location = frame.location.as_ref();
            frames.push(Frame {
                function: match function {
                    Some(function) => Some(function.demangle()?.into_owned()),
                    None => None,
                },
                file: location.and_then(|it| it.file).map(str::to_owned),
                // 0 is code that no line stands for.
                line: location.and_then(|it| it.line).filter(|&line| line != 0),
            });
        }
        Ok(frames)
    }
}

/// The content of a section, which may be empty.
fn content(file: &PeFile64<'_>, id: SectionId) -> Rc<[u8]> {
    let section = |id: SectionId| file.section_by_name(id.name());
    let content = section(id).and_then(|section| section.data().ok());
    let mut content: Rc<[u8]> = Rc::from(content.unwrap_or_default());
    if id == SectionId::DebugLine
        && let Some(strings) = section(SectionId::DebugLineStr)
        && let Some(lines) = Rc::get_mut(&mut content)
    {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "the references are halves of addresses, too"
        )]
        let start = strings.address() as u32;
        let length = u32::try_from(strings.size()).unwrap_or(0);
        line_strings::mend(lines, &(start..start.saturating_add(length)));
    }
    content
}
