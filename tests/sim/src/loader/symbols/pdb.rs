// SPDX-License-Identifier: MIT OR Apache-2.0

//! Program databases: the .pdb file of an image.

use std::cell::OnceCell;
use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};

use object::Object;
use object::read::pe::PeFile64;
use pdb_addr2line::pdb::{
    self, FallibleIterator, PDB, PrimitiveKind, SymbolData, TypeData, TypeFinder, TypeIndex,
};
use pdb_addr2line::{Context, ContextPdbData, TypeFormatterFlags};

use super::Frame;
use super::variables::{Variable, Variables};

/// The size of a pointer.
const POINTER: u64 = 8;

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

/// Returns the size of a variable of this type, if it is known.
fn size(of: TypeIndex, types: &TypeFinder<'_>) -> Option<u32> {
    let bytes = match types.find(of).ok()?.parse().ok()? {
        TypeData::Primitive(it) => match (it.indirection, it.kind) {
            (Some(_), _) => POINTER,
            (None, kind) => primitive(kind)?,
        },
        TypeData::Pointer(_) => POINTER,
        TypeData::Class(it) => it.size,
        TypeData::Union(it) => it.size,
        TypeData::Array(it) => u64::from(*it.dimensions.last()?),
        TypeData::Enumeration(it) => return size(it.underlying_type, types),
        TypeData::Modifier(it) => return size(it.underlying_type, types),
        _ => return None,
    };
    // A type that is only declared has the size 0.
    u32::try_from(bytes).ok().filter(|&bytes| bytes > 0)
}

/// Returns the size of a number type, if it is known.
const fn primitive(kind: PrimitiveKind) -> Option<u64> {
    use PrimitiveKind as Kind;
    let bytes = match kind {
        Kind::Char | Kind::UChar | Kind::RChar | Kind::I8 | Kind::U8 | Kind::Bool8 => 1,
        Kind::WChar | Kind::RChar16 | Kind::Short | Kind::UShort | Kind::I16 | Kind::U16 => 2,
        Kind::RChar32 | Kind::Long | Kind::ULong | Kind::I32 | Kind::U32 | Kind::F32 => 4,
        Kind::Quad | Kind::UQuad | Kind::I64 | Kind::U64 | Kind::F64 => 8,
        _ => return None,
    };
    Some(bytes)
}

/// The variables that a file names.
fn variables(file: &Path) -> pdb::Result<Variables> {
    let content = fs::read(file)?;
    let mut pdb = PDB::open(Cursor::new(content))?;
    let addresses = pdb.address_map()?;
    let symbols = pdb.global_symbols()?;
    let information = pdb.type_information()?;
    let mut types = information.finder();
    let mut read = information.iter();
    while read.next()?.is_some() {
        types.update(&read);
    }
    let mut all = Vec::new();
    let mut symbols = symbols.iter();
    while let Some(symbol) = symbols.next()? {
        if let Ok(SymbolData::Data(data)) = symbol.parse()
            && let Some(start) = data.offset.to_rva(&addresses)
        {
            all.push(Variable {
                start: start.0,
                name: data.name.to_string().into_owned(),
                size: size(data.type_index, &types),
            });
        }
    }
    Ok(Variables::new(all))
}
