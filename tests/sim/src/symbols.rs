// SPDX-License-Identifier: MIT OR Apache-2.0

//! From an offset in an image to the function and the line that it is.
//!
//! A driver's .pdb is looked for beside its image and read when it is first
//! asked. One that was linked for another image, or is missing, is as good as
//! none: offsets are still right without it.

use std::env;
use std::fmt;
use std::fs;
use std::io::Cursor;
use std::path::Path;

use object::read::pe::PeFile64;
use pdb_addr2line::pdb::PDB;
use pdb_addr2line::{Context, ContextPdbData, TypeFormatterFlags};
use scenarios::Place;

/// A file as seen from here.
fn shown(file: &str) -> String {
    let file = file.replace('\\', "/");
    let here = env::current_dir().ok();
    let inside = here.and_then(|here| {
        Some(
            Path::new(&file)
                .strip_prefix(here)
                .ok()?
                .display()
                .to_string(),
        )
    });
    inside.unwrap_or(file)
}

/// What a .pdb says.
pub(crate) struct Symbols(Context<'static, 'static>);

impl fmt::Debug for Symbols {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Symbols")
    }
}

impl Symbols {
    /// Those of the image at `path` with this content.
    pub(crate) fn of(path: &Path, image: &[u8]) -> Option<Self> {
        let file = fs::read(path.with_extension("pdb")).ok()?;
        let mut pdb = PDB::open(Cursor::new(file)).ok()?;
        let wanted = PeFile64::parse(image).ok()?;
        let wanted = object::Object::pdb_info(&wanted).ok()??.guid();
        if pdb.pdb_information().ok()?.guid.to_bytes_le() != wanted {
            return None;
        }
        // A process knows a few images and keeps them to its end.
        let data = Box::leak(Box::new(ContextPdbData::try_from_pdb(pdb).ok()?));
        let flags = TypeFormatterFlags::default() | TypeFormatterFlags::NO_ARGUMENTS;
        let context = data.make_context_with_formatter_flags(flags);
        Some(Self(context.ok()?))
    }

    /// What is at `offset` of the image; inlined functions count for themselves.
    pub(crate) fn place(&self, offset: u32) -> Option<Place> {
        let found = self.0.find_frames(offset).ok()??;
        let innermost = found.frames.into_iter().next()?;
        Some(Place {
            function: innermost.function?,
            file: innermost.file.map(|file| shown(&file)),
            line: innermost.line,
        })
    }
}
