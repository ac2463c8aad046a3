// SPDX-License-Identifier: MIT OR Apache-2.0

//! Program databases: the .pdb beside an image.

use std::cell::OnceCell;
use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};

use object::Object;
use object::read::pe::PeFile64;
use pdb_addr2line::pdb::{self, FallibleIterator, PDB, SymbolData};
use pdb_addr2line::{Context, ContextPdbData, TypeFormatterFlags};

use super::Frame;
use super::variables::Variables;

/// What a .pdb says.
pub(super) struct Pdb {
    context: Context<'static, 'static>,
    file: PathBuf,
    variables: OnceCell<Variables>,
}

impl Pdb {
    /// That of the image at `path`: beside it, under its name or the one that the linker wrote
    /// into it. `None` if there is none, or each was linked for another image.
    pub(super) fn of(path: &Path, image: &PeFile64<'_>) -> Option<Self> {
        let info = image.pdb_info().ok()??;
        let linked = String::from_utf8_lossy(info.path());
        let linked = linked.rsplit(['\\', '/']).next().unwrap_or_default();
        [path.with_extension("pdb"), path.with_file_name(linked)]
            .iter()
            .find_map(|file| Self::read(file, info.guid()))
    }

    /// Reads the file; `None` if it is not the one with this identifier.
    fn read(file: &Path, wanted: [u8; 16]) -> Option<Self> {
        let mut pdb = PDB::open(Cursor::new(fs::read(file).ok()?)).ok()?;
        if pdb.pdb_information().ok()?.guid.to_bytes_le() != wanted {
            return None;
        }
        // A process knows a few images and keeps them to its end.
        let data = Box::leak(Box::new(ContextPdbData::try_from_pdb(pdb).ok()?));
        let flags = TypeFormatterFlags::default() | TypeFormatterFlags::NO_ARGUMENTS;
        let context = data.make_context_with_formatter_flags(flags);
        Some(Self {
            context: context.ok()?,
            file: file.to_owned(),
            variables: OnceCell::new(),
        })
    }

    /// The variable at `offset`, and how far behind its start that is.
    pub(super) fn variable(&self, offset: u32) -> Option<(String, u32)> {
        let read = || variables(&self.file).unwrap_or_default();
        self.variables.get_or_init(read).at(offset)
    }

    /// The functions at `offset`, the innermost first.
    pub(super) fn frames(&self, offset: u32) -> Vec<Frame> {
        let Ok(Some(found)) = self.context.find_frames(offset) else {
            return Vec::new();
        };
        let frame = |frame: pdb_addr2line::Frame<'_>| Frame {
            function: frame.function,
            file: frame.file.map(std::borrow::Cow::into_owned),
            line: frame.line,
        };
        found.frames.into_iter().map(frame).collect()
    }
}

/// The variables that a file names.
fn variables(file: &Path) -> pdb::Result<Variables> {
    let content = fs::read(file)?;
    let mut pdb = PDB::open(Cursor::new(content))?;
    let addresses = pdb.address_map()?;
    let symbols = pdb.global_symbols()?;
    let mut all = Vec::new();
    let mut symbols = symbols.iter();
    while let Some(symbol) = symbols.next()? {
        if let Ok(SymbolData::Data(data)) = symbol.parse()
            && let Some(start) = data.offset.to_rva(&addresses)
        {
            all.push((start.0, data.name.to_string().into_owned()));
        }
    }
    Ok(Variables::new(all))
}
