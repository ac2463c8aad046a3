// SPDX-License-Identifier: MIT OR Apache-2.0

//! Mapping images as the kernel's loader does: headers and sections, base
//! relocations, imports, the security cookie, and each section's protection.

use std::cell::OnceCell;
use std::ops::Range;
use std::path::{Path, PathBuf};

use driver_image::{DriverImage, ImageError, Section};
use iced_x86::{Decoder, DecoderOptions, Instruction};
use pe_unwind_info::x86_64::{FunctionTableEntries, UnwindState};
use scenarios::Place;

use crate::hardware::arena::{self, Access, IMAGES, PAGE};
use crate::hardware::breakpoints::{self, PreemptionPoint};
use crate::hardware::replaced::is_replaced;
use crate::loader::code;
use crate::loader::export::Export;
use crate::loader::symbols::Symbols;

/// Images start at multiples of this, with at least one inaccessible page
/// between them.
const SPACING: usize = 64 << 10;

/// A driver cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// Its file is not an image that a kernel could map.
    #[error("{0}")]
    Image(ImageError),
    /// It wants something that the simulated kernel does not have.
    #[error(
        "{driver} imports {function} from {dll}, which the simulated kernel does not provide: \
         add it to tests/sim/src/exports or do without it"
    )]
    Import {
        /// The driver's file.
        driver: String,
        /// The exporting image.
        dll: String,
        /// The function.
        function: String,
    },
    /// It leaves no room for others.
    #[error("{driver} takes {size:#x} bytes of memory: link it smaller")]
    Size {
        /// The driver's file.
        driver: String,
        /// What it takes.
        size: u32,
    },
}

/// An image that can be mapped: all its imports are known.
#[derive(Debug)]
pub struct Image {
    file: DriverImage,
    imports: Vec<(usize, &'static Export)>,
    /// The address of the security cookie.
    cookie: Option<usize>,
    /// Its preemption points.
    stops: Vec<PreemptionPoint>,
    /// The offsets of the instructions that must not be executed as they are.
    replaced: Vec<u64>,
    path: PathBuf,
    symbols: OnceCell<Option<Symbols>>,
}

impl Image {
    /// Reads the driver at `path`; `find` is the export of an image with a name.
    pub(crate) fn read_with(
        path: &Path,
        find: impl Fn(&str, &str) -> Option<&'static Export>,
    ) -> Result<Self, LoadError> {
        let file = DriverImage::read(path).map_err(LoadError::Image)?;
        if file.size_of_image() as usize > IMAGES.len() / 16 {
            return Err(LoadError::Size {
                driver: path.display().to_string(),
                size: file.size_of_image(),
            });
        }
        let mut imports = Vec::new();
        for import in file.imports() {
            let export = find(&import.dll, &import.function).ok_or_else(|| LoadError::Import {
                driver: path.display().to_string(),
                dll: import.dll.clone(),
                function: import.function.clone(),
            })?;
            imports.push((import.slot as usize, export));
        }
        let cookie = cookie(&file);
        let code = code::instructions(&file);
        let stops = code.iter().filter_map(PreemptionPoint::of).collect();
        let replaced = code.iter().filter(|instruction| is_replaced(instruction));
        let replaced = replaced.map(Instruction::ip).collect();
        Ok(Self {
            file,
            imports,
            cookie,
            stops,
            replaced,
            path: path.to_path_buf(),
            symbols: OnceCell::new(),
        })
    }

    pub(crate) fn name(&self) -> &str {
        self.file.name()
    }

    fn symbols(&self) -> Option<&Symbols> {
        let read = || Symbols::of(&self.path, self.file.bytes());
        self.symbols.get_or_init(read).as_ref()
    }

    /// The function and line at `offset`, by the .pdb.
    pub(crate) fn place(&self, offset: u32) -> Option<Place> {
        self.symbols()?.place(offset)
    }

    /// All functions that are at `offset`, the innermost first: the others have
    /// inlined it.
    pub(crate) fn places(&self, offset: u32) -> Vec<Place> {
        let symbols = self.symbols();
        symbols.map_or_else(Vec::new, |symbols| symbols.places(offset))
    }

    /// Leaves the function at `offset`: where it returns to, with the
    /// registers that its caller had. Returns `None` if the image has no
    /// tables for that.
    pub(crate) fn unwind(&self, offset: u32, state: &mut impl UnwindState) -> Option<u64> {
        let table = FunctionTableEntries::parse(self.file.functions());
        table.functions()?.first()?;
        if let Some(function) = table.lookup(offset) {
            let length = function.end_address.get().checked_sub(offset)?;
            let code = self.file.content(offset)?;
            code.get(..usize::try_from(length).ok()?)?;
        }
        table.unwind_frame(state, |address| self.file.content(address), offset)
    }

    /// The instruction at `offset`, if any.
    pub(crate) fn instruction(&self, offset: u32) -> Option<Instruction> {
        let code = self.file.content(offset)?;
        let mut decoder = Decoder::new(64, code, DecoderOptions::NONE);
        Some(decoder.decode()).filter(|instruction| !instruction.is_invalid())
    }

    pub(crate) fn size(&self) -> usize {
        self.file.size_of_image() as usize
    }

    pub(crate) fn entry_point(&self) -> usize {
        self.file.entry_point() as usize
    }

    /// Maps the image at `base`, with `bind` saying where each import is, with breakpoints
    /// in place of instructions that must not be executed as they are, and with
    /// breakpoints that call the function at `preempted`, if any.
    pub(crate) fn map(
        &self,
        base: usize,
        cookie: u64,
        preempted: Option<usize>,
        mut bind: impl FnMut(&'static Export) -> usize,
    ) {
        /// `int3`.
        const BREAKPOINT: u8 = 0xCC;
        let all = base..base + self.size();
        arena::protect(all.clone(), Access::ReadWrite).expect("an image is a few mappings");
        // SAFETY: the range was just made writable, nothing else is in it, and
        // `place` hands it to nobody else.
        let memory = unsafe { std::slice::from_raw_parts_mut(base as *mut u8, all.len()) };

        let headers = self.file.size_of_headers() as usize;
        memory[..headers].copy_from_slice(&self.file.bytes()[..headers]);
        for section in self.file.sections() {
            let content = &self.file.bytes()[section.file.clone()];
            memory[section.address as usize..][..content.len()].copy_from_slice(content);
        }
        let moved = (base as u64).wrapping_sub(self.file.image_base());
        for &address in self.file.relocations() {
            let address = address as usize;
            let value = read_u64(memory, address).wrapping_add(moved);
            write_u64(memory, address, value);
        }
        for &(slot, export) in &self.imports {
            write_u64(memory, slot, bind(export) as u64);
        }
        if let Some(slot) = self.cookie {
            write_u64(memory, slot, cookie);
        }
        if let Some(stub) = preempted {
            for stop in &self.stops {
                if breakpoints::plant(stop, base, stub) {
                    memory[stop.offset] = BREAKPOINT;
                }
            }
        }

        for &offset in &self.replaced {
            memory[usize::try_from(offset).expect("it is in memory")] = BREAKPOINT;
        }

        arena::protect(all, Access::Read).expect("an image is a few mappings");
        for section in self.file.sections() {
            arena::protect(pages(section, base), access(section))
                .expect("an image is a few mappings");
        }
    }
}

impl Image {
    /// The pages of its sections that may be paged out, mapped at `base`.
    pub(crate) fn pageable(&self, base: usize) -> impl Iterator<Item = (Range<usize>, Access)> {
        let all = self.file.sections().iter();
        let pageable = all.filter(|section| section.name.starts_with("PAGE"));
        pageable.map(move |section| (pages(section, base), access(section)))
    }

    /// The pages of all its sections.
    pub(crate) fn sections(&self, base: usize) -> impl Iterator<Item = (Range<usize>, Access)> {
        let all = self.file.sections().iter();
        all.map(move |section| (pages(section, base), access(section)))
    }

    /// The pages of its sections that are gone once `DriverEntry` has succeeded.
    pub(crate) fn discardable(&self, base: usize) -> impl Iterator<Item = Range<usize>> {
        let all = self.file.sections().iter();
        let gone = all.filter(|section| section.discardable || section.name.starts_with("INIT"));
        gone.map(move |section| pages(section, base))
    }
}

fn pages(section: &Section, base: usize) -> Range<usize> {
    let start = base + section.address as usize;
    start..start + (section.size as usize).next_multiple_of(PAGE)
}

/// The base of the next image if the last one ended at `end`.
pub(crate) fn place(end: usize, image: &Image) -> Option<usize> {
    let base = (end + PAGE).next_multiple_of(SPACING);
    (base + image.size() <= IMAGES.end).then_some(base)
}

fn access(section: &Section) -> Access {
    match (section.executable, section.writable, section.readable) {
        (true, true, _) => Access::Everything,
        (true, false, _) => Access::Execute,
        (false, true, _) => Access::ReadWrite,
        (false, false, true) => Access::Read,
        (false, false, false) => Access::None,
    }
}

fn read_u64(memory: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(memory[at..at + 8].try_into().expect("eight bytes"))
}

fn write_u64(memory: &mut [u8], at: usize, value: u64) {
    memory[at..at + 8].copy_from_slice(&value.to_le_bytes());
}

/// The address of the load configuration, relative to the base.
fn load_config(bytes: &[u8]) -> Option<usize> {
    /// The offset of the NT headers' offset in the DOS header.
    const NT_HEADERS: usize = 0x3C;
    /// From there to `NumberOfRvaAndSizes` and to the entry of the directory.
    const DIRECTORIES: usize = 24 + 108;
    const LOAD_CONFIG: usize = 24 + 112 + 10 * 8;

    let number = |at: usize| -> Option<usize> {
        let bytes = bytes.get(at..at.checked_add(4)?)?;
        Some(u32::from_le_bytes(bytes.try_into().ok()?) as usize)
    };
    let nt = number(NT_HEADERS)?;
    if number(nt + DIRECTORIES)? <= 10 {
        return None;
    }
    number(nt + LOAD_CONFIG).filter(|&address| address != 0)
}

/// Where the load configuration says that the security cookie is, if the cookie
/// has the value that asks the loader for another one.
fn cookie(file: &DriverImage) -> Option<usize> {
    /// `IMAGE_LOAD_CONFIG_DIRECTORY64::SecurityCookie`.
    const SECURITY_COOKIE: usize = 0x58;
    const DEFAULT: u64 = 0x0000_2B99_2DDF_A232;

    let directory = load_config(file.bytes())?;
    let bytes = |address: usize| -> Option<u64> {
        let section = file.sections().iter().find(|section| {
            let start = section.address as usize;
            (start..start + section.file.len()).contains(&address)
        })?;
        let at = section.file.start + (address - section.address as usize);
        Some(u64::from_le_bytes(
            file.bytes().get(at..at + 8)?.try_into().ok()?,
        ))
    };
    let address = bytes(directory + SECURITY_COOKIE)?;
    let slot = usize::try_from(address.checked_sub(file.image_base())?).ok()?;
    (bytes(slot)? == DEFAULT).then_some(slot)
}
