// SPDX-License-Identifier: MIT OR Apache-2.0

//! From an offset in an image to the function and the line that it is.
//!
//! The first of these that fits the image is used: the .pdb beside it (Microsoft's
//! linker, lld-link), DWARF in it (gcc, clang) or in the file that its
//! `.gnu_debuglink` names. Where these name no function, the image's symbol table
//! may. All are read when a place is first asked for. What was made for another
//! image, is broken or missing is as good as none: offsets are still right without.

mod debug_link;
mod dwarf;
mod line_strings;
mod pdb;
mod symbol_table;
mod variables;

use std::env;
use std::fmt;
use std::path::Path;

use object::read::pe::PeFile64;
use scenarios::Place;

use dwarf::Dwarf;
use pdb::Pdb;
use symbol_table::SymbolTable;

/// A function at an offset, as debug information shows it.
#[derive(Clone, Debug, Default)]
struct Frame {
    function: Option<String>,
    file: Option<String>,
    line: Option<u32>,
}

impl Frame {
    /// Returns `true` if the function is the driver's own: not of the compiler's
    /// libraries or headers, of the kernel's headers, nor of a package, as
    /// `trim-paths` names them, nor the allocator's entry that the compiler makes.
    fn is_own(&self) -> bool {
        let is_glue = |function: &str| function.contains("__rust_");
        self.file.as_deref().is_some_and(|file| !is_library(file))
            && !self.function.as_deref().is_some_and(is_glue)
    }

    fn place(self) -> Option<Place> {
        Some(Place {
            function: self.function?,
            file: self.file.map(|file| shown(&file)),
            line: self.line,
        })
    }
}

/// Returns `true` if a source file belongs to a compiler, a kit or a package.
fn is_library(file: &str) -> bool {
    const DIRECTORIES: [&str; 6] = [
        "index.crates.io-",
        "/Windows Kits/",
        "/mingw-w64/include/",
        "/x86_64-w64-mingw32/",
        "/lib/gcc/",
        "/lib/clang/",
    ];
    let file = file.replace('\\', "/");
    file.starts_with("/rustc/") || DIRECTORIES.iter().any(|part| file.contains(part))
}

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

/// Debug information of a compiler.
enum Debug {
    Pdb(Box<Pdb>),
    Dwarf(Dwarf),
}

/// What is known of an image's code.
pub(crate) struct Symbols {
    debug: Option<Debug>,
    table: SymbolTable,
}

impl fmt::Debug for Symbols {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Symbols")
    }
}

impl Symbols {
    /// Those of the image at `path` with this content. `end` is where the function
    /// that begins at an offset ends, if its unwind information says so.
    pub(crate) fn of(
        path: &Path,
        content: &[u8],
        end: impl Fn(u32) -> Option<u32>,
    ) -> Option<Self> {
        let image = PeFile64::parse(content).ok()?;
        let pdb = Pdb::of(path, &image).map(Box::new);
        let separate = || {
            let content = debug_link::follow(path, &image)?;
            Dwarf::of(&PeFile64::parse(&*content).ok()?)
        };
        let dwarf = || Dwarf::of(&image).or_else(separate).map(Debug::Dwarf);
        let symbols = Self {
            debug: pdb.map(Debug::Pdb).or_else(dwarf),
            table: SymbolTable::of(&image, end),
        };
        let any = symbols.debug.is_some() || !symbols.table.is_empty();
        any.then_some(symbols)
    }

    /// What is at `offset` of the image: of the functions inlined there, the
    /// innermost that is the driver's own and not a library's.
    pub(crate) fn place(&self, offset: u32) -> Option<Place> {
        self.places(offset).into_iter().next()
    }

    /// What is at `offset`, if that is the driver's own code and not a library's.
    pub(crate) fn own_place(&self, offset: u32) -> Option<Place> {
        let mut frames = self.frames(offset).into_iter();
        frames.find(Frame::is_own)?.place()
    }

    /// The driver's own functions at `offset`, the innermost first; the others
    /// have inlined it. Where none is the driver's own, the function itself.
    pub(crate) fn places(&self, offset: u32) -> Vec<Place> {
        let mut frames = self.frames(offset);
        if frames.is_empty() {
            frames.push(Frame::default());
        }
        // The outermost is the function that the image has code of.
        if let Some(outermost) = frames.last_mut()
            && outermost.function.is_none()
        {
            outermost.function = self.table.name(offset);
        }
        if frames.iter().any(Frame::is_own) {
            frames.retain(Frame::is_own);
        } else {
            frames.drain(..frames.len().saturating_sub(1));
        }
        frames.into_iter().filter_map(Frame::place).collect()
    }

    /// The variable at `offset`, and how far behind its start that is.
    pub(crate) fn variable(&self, offset: u32) -> Option<(String, u32)> {
        match &self.debug {
            Some(Debug::Pdb(pdb)) => pdb.variable(offset),
            _ => self.table.variable(offset),
        }
    }

    /// All functions at `offset`, the innermost first.
    fn frames(&self, offset: u32) -> Vec<Frame> {
        match &self.debug {
            Some(Debug::Pdb(pdb)) => pdb.frames(offset),
            Some(Debug::Dwarf(dwarf)) => dwarf.frames(offset),
            None => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_of_kits_and_compilers_are_libraries() {
        for file in [
            "/rustc/1234/library/core/src/ptr/mod.rs",
            "/usr/share/mingw-w64/include/psdk_inc/intrin-impl.h",
            "/usr/lib/gcc/x86_64-w64-mingw32/12-win32/include/emmintrin.h",
            "/usr/lib/llvm-14/lib/clang/14.0.6/include/immintrin.h",
            r"C:\Program Files (x86)\Windows Kits\10\Include\10.0.26100.0\km\wdm.h",
        ] {
            assert!(is_library(file), "{file}");
        }
        for file in ["driver.c", "/home/me/driver/src/client.c", r"C:\d\wdm.h"] {
            assert!(!is_library(file), "{file}");
        }
    }
}
