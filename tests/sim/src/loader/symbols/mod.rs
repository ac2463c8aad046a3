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
use pdb_addr2line::{Context, ContextPdbData, Frame, TypeFormatterFlags};
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

/// Returns `true` if a function is the driver's own: not of the compiler's
/// libraries, nor of a package, as `trim-paths` names them, nor the
/// allocator's entry that the compiler makes.
fn is_own(frame: &Frame<'_>) -> bool {
    let is_library = |file: &str| file.starts_with("/rustc/") || file.contains("index.crates.io-");
    let is_glue = |function: &str| function.contains("__rust_");
    frame.file.as_deref().is_some_and(|file| !is_library(file))
        && !frame.function.as_deref().is_some_and(is_glue)
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

    /// What is at `offset` of the image: of the functions inlined there, the
    /// innermost that is the driver's own and not a library's.
    pub(crate) fn place(&self, offset: u32) -> Option<Place> {
        self.places(offset).into_iter().next()
    }

    /// The driver's own functions at `offset`, the innermost first; the others
    /// have inlined it. Where none is the driver's own, the function itself.
    pub(crate) fn places(&self, offset: u32) -> Vec<Place> {
        let Ok(Some(found)) = self.0.find_frames(offset) else {
            return Vec::new();
        };
        let mut frames = found.frames;
        if frames.iter().any(is_own) {
            frames.retain(is_own);
        } else {
            frames.drain(..frames.len().saturating_sub(1));
        }
        let place = |frame: Frame<'_>| {
            Some(Place {
                function: frame.function?,
                file: frame.file.map(|file| shown(&file)),
                line: frame.line,
            })
        };
        frames.into_iter().filter_map(place).collect()
    }
}
