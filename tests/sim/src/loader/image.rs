// SPDX-License-Identifier: MIT OR Apache-2.0

//! Mapping images as the kernel's loader does: headers and sections, base
//! relocations, imports, the security cookie, and each section's protection.

use std::cell::OnceCell;
use std::ops::Range;
use std::path::{Path, PathBuf};

use driver_image::{DriverImage, ImageError, Import, Section};
use iced_x86::{Decoder, DecoderOptions, Instruction};
use pe_unwind_info::x86_64::{FunctionTableEntries, UnwindState};
use scenarios::{MissingImports, Place};

use crate::hardware::accesses::{self, AccessPoint, Blocks};
use crate::hardware::arena::{self, Access, IMAGES, PAGE};
use crate::hardware::breakpoints::{self, PreemptionPoint};
use crate::hardware::replaced::is_replaced;
use crate::hardware::spin_loops::{self, SpinLoop, Watched, behind_stores, spin_loops};
use crate::loader::code;
use crate::loader::export::Export;
use crate::loader::functions;
use crate::loader::handlers::{self, FrameHandler};
use crate::loader::symbols::Symbols;

/// Images start at multiples of this, with at least one inaccessible page
/// between them.
const SPACING: usize = 64 << 10;
/// The longest instruction.
const LONGEST: u32 = 15;
/// The largest number of missing imports of an image.
const MOST_MISSING: usize = 4096;

/// The functions that breakpoints in an image call.
#[derive(Debug)]
pub(crate) struct Hooks {
    /// Behind stores to what spin loops look at, and at atomic instructions.
    pub(crate) preempted: usize,
    /// `true` if threads are preempted at all atomic instructions.
    pub(crate) everywhere: bool,
    /// In spin loops.
    pub(crate) spun: usize,
    /// Before accesses to memory, if they are recorded.
    pub(crate) recorded: Option<usize>,
}

/// A driver cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// Its file is not an image that a kernel could map.
    #[error("{0}")]
    Image(ImageError),
    /// So many of its imports are missing that it is no driver.
    #[error(
        "{driver} has {count} imports that nothing provides, which is no driver: link it again"
    )]
    Imports {
        /// The driver's file.
        driver: String,
        /// Their number.
        count: usize,
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

/// An image that can be mapped.
#[derive(Debug)]
pub struct Image {
    file: DriverImage,
    /// It is a hostile peer's, which has a section of this name.
    hostile: bool,
    /// It is that of a peer made by the tools, which has a section of this name.
    peer: bool,
    /// It imports a function that registers with NMR.
    registers: bool,
    /// The imports that the kernel provides, each with its slot.
    imports: Vec<(usize, &'static Export)>,
    /// Those that nothing here provides.
    missing: Vec<Import>,
    /// The address of the security cookie.
    cookie: Option<usize>,
    /// Its preemption points.
    stops: Vec<PreemptionPoint>,
    /// Its spin loops.
    spins: Vec<SpinLoop>,
    /// Preemption points behind stores to what they look at.
    stores: Vec<PreemptionPoint>,
    /// The offsets of the instructions that must not be executed as they are.
    replaced: Vec<u64>,
    /// Runs of instructions that access memory.
    blocks: OnceCell<Blocks>,
    /// The offsets of places that code or data leads to, in ascending order.
    targets: Vec<u32>,
    path: PathBuf,
    symbols: OnceCell<Option<Symbols>>,
}

impl Image {
    /// Returns `true` if it is the image of a peer that breaks the contract of its NPI on
    /// purpose, which is no finding.
    pub(crate) const fn is_hostile(&self) -> bool {
        self.hostile
    }

    /// Returns `true` if it is the image of a peer that the tools have made, which knows the
    /// calls of its NPI and not what a module promises.
    pub(crate) const fn is_generated(&self) -> bool {
        self.peer || self.hostile
    }

    /// Returns `true` if the driver can register with NMR.
    pub(crate) const fn can_register(&self) -> bool {
        self.registers
    }

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
        let mut missing = Vec::new();
        for import in file.imports() {
            match import
                .symbol
                .name()
                .and_then(|name| find(&import.dll, name))
            {
                Some(export) => imports.push((import.slot as usize, export)),
                None => missing.push(import.clone()),
            }
        }
        if missing.len() > MOST_MISSING {
            return Err(LoadError::Imports {
                driver: path.display().to_string(),
                count: missing.len(),
            });
        }
        let cookie = cookie(&file);
        let code = code::instructions(&file);
        let stops = PreemptionPoint::all(&code);
        let mut watched = Watched::new();
        let spins = spin_loops(&code, &mut watched);
        let stores = behind_stores(&code, &watched);
        let stores = stores.iter().map(|store| PreemptionPoint::at(store, &code));
        let stores = stores.collect();
        let replaced = code.iter().filter(|instruction| is_replaced(instruction));
        let replaced = replaced.map(Instruction::ip).collect();
        let registers = |import: &Import| {
            let name = import.symbol.name();
            matches!(name, Some("NmrRegisterProvider" | "NmrRegisterClient"))
        };
        let has_section = |name| file.sections().iter().any(|it| it.name == name);
        Ok(Self {
            hostile: has_section("hostile"),
            peer: has_section("peer"),
            registers: file.imports().iter().any(registers),
            imports,
            missing,
            cookie,
            stops,
            spins,
            stores,
            replaced,
            blocks: OnceCell::new(),
            targets: code::targets(&file, &code),
            file,
            path: path.to_path_buf(),
            symbols: OnceCell::new(),
        })
    }

    /// The file's name without its directory.
    #[must_use]
    pub fn name(&self) -> &str {
        self.file.name()
    }

    /// The file.
    pub(crate) const fn file(&self) -> &DriverImage {
        &self.file
    }

    /// Returns `true` if names of functions and lines are known.
    pub(crate) fn has_symbols(&self) -> bool {
        self.symbols().is_some()
    }

    /// The imports that nothing here provides.
    pub(crate) fn missing(&self) -> &[Import] {
        &self.missing
    }

    /// The names of the imports that nothing here provides, by the image that exports
    /// them.
    #[must_use]
    pub fn missing_imports(&self) -> MissingImports {
        let imports = self.missing.iter();
        imports
            .map(|import| (import.dll.clone(), import.symbol.to_string()))
            .collect()
    }

    fn symbols(&self) -> Option<&Symbols> {
        let read = || {
            let end = |offset| self.function_end(offset);
            Symbols::of(&self.path, self.file.bytes(), end)
        };
        self.symbols.get_or_init(read).as_ref()
    }

    /// Where the function that begins at `offset` ends, by its unwind information.
    fn function_end(&self, offset: u32) -> Option<u32> {
        let table = FunctionTableEntries::parse(self.file.functions());
        let function = table.lookup(offset)?;
        (function.begin_address.get() == offset).then(|| function.end_address.get())
    }

    /// The function and line at `offset`, by the image's debug information.
    pub(crate) fn place(&self, offset: u32) -> Option<Place> {
        self.symbols()?.place(offset)
    }

    /// The function and line at `offset`, if they are the driver's own and not a library's.
    pub(crate) fn own_place(&self, offset: u32) -> Option<Place> {
        self.symbols()?.own_place(offset)
    }

    /// Returns `true` if the image imports a function with this name.
    pub(crate) fn imports(&self, name: &str) -> bool {
        let mut imports = self.file.imports().iter();
        imports.any(|import| import.symbol.name() == Some(name))
    }

    /// The variable at `offset`, and how far behind its start that is.
    pub(crate) fn variable(&self, offset: u32) -> Option<(String, u32)> {
        self.symbols()?.variable(offset)
    }

    /// The name of the import whose slot is at `offset`.
    pub(crate) fn import_at(&self, offset: u64) -> Option<&str> {
        let mut imports = self.file.imports().iter();
        let import = imports.find(|import| u64::from(import.slot) == offset)?;
        import.symbol.name()
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
        // The package takes every jump for the end of an epilogue. One that stays in its function
        // is none: it is shown the function's beginning instead.
        let body = table.lookup(offset).filter(|function| {
            let target = self
                .instruction_at(offset)
                .map(|it| it.near_branch_target());
            let inside = function.begin_address.get()..function.end_address.get();
            let target = target.and_then(|target| u32::try_from(target).ok());
            target.is_some_and(|target| target != 0 && inside.contains(&target))
        });
        let content = |address: u32| match body {
            Some(function) if address == offset => self.file.content(function.begin_address.get()),
            _ => self.file.content(address),
        };
        table.unwind_frame(state, content, offset)
    }

    /// The instruction at `offset`, at which it is said to be, too.
    fn instruction_at(&self, offset: u32) -> Option<Instruction> {
        let code = self.file.content(offset)?;
        let mut decoder = Decoder::with_ip(64, code, offset.into(), DecoderOptions::NONE);
        Some(decoder.decode()).filter(|instruction| !instruction.is_invalid())
    }

    /// The language handler of the function at `offset`, if it has one there.
    pub(crate) fn handler(&self, offset: u32) -> Option<FrameHandler> {
        handlers::find(&self.file, offset)
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

    /// Maps the image at `base`, with `bind` saying where each import is, with the
    /// missing ones on pages from `missing` on, and with breakpoints in
    /// place of instructions that must not be executed as they are, and these. Returns the
    /// accesses to memory that are recorded.
    pub(crate) fn map(
        &self,
        base: usize,
        cookie: u64,
        hooks: &Hooks,
        missing: usize,
        mut bind: impl FnMut(&'static Export) -> usize,
    ) -> Vec<AccessPoint> {
        /// `int3`.
        const BREAKPOINT: u8 = 0xCC;
        let all = base..base + self.size().next_multiple_of(PAGE);
        let writable = arena::for_image(&all);
        // SAFETY: as many bytes can be written there, nothing else is in them, and
        // `place` hands them to nobody else.
        let memory = unsafe { std::slice::from_raw_parts_mut(writable as *mut u8, all.len()) };

        let mut filled = self.file.size_of_headers() as usize;
        memory[..filled].copy_from_slice(&self.file.bytes()[..filled]);
        for section in self.file.sections() {
            let content = &self.file.bytes()[section.file.clone()];
            let start = section.address as usize;
            memory[filled.min(start)..start].fill(0);
            filled = start + content.len();
            memory[start..filled].copy_from_slice(content);
        }
        memory[filled..].fill(0);
        let moved = (base as u64).wrapping_sub(self.file.image_base());
        for &address in self.file.relocations() {
            let address = address as usize;
            let value = read_u64(memory, address).wrapping_add(moved);
            write_u64(memory, address, value);
        }
        for &(slot, export) in &self.imports {
            write_u64(memory, slot, bind(export) as u64);
        }
        for (import, address) in self.missing.iter().zip((missing..).step_by(PAGE)) {
            write_u64(memory, import.slot as usize, address as u64);
        }
        if let Some(slot) = self.cookie {
            write_u64(memory, slot, cookie);
        }
        spin_loops::lead_to(hooks.spun);
        for spin in &self.spins {
            spin_loops::plant(spin, base);
            memory[spin.offset] = BREAKPOINT;
        }
        let mut points = Vec::new();
        if let Some(stub) = hooks.recorded {
            accesses::plant(self.blocks(), base, memory, stub, &mut points);
        }
        // An access that is recorded is a preemption point, too.
        let atomic = if hooks.everywhere {
            &self.stops[..]
        } else {
            &[]
        };
        let atomic = atomic
            .iter()
            .filter(|point| hooks.recorded.is_none() || point.is_pause);
        for point in atomic.chain(&self.stores) {
            if memory[point.offset] != BREAKPOINT
                && let Some(code) = breakpoints::plant(point, base, hooks.preempted)
            {
                memory[point.offset..][..code.len()].copy_from_slice(&code);
            }
        }
        for &offset in &self.replaced {
            memory[usize::try_from(offset).expect("it is in memory")] = BREAKPOINT;
        }

        for (pages, access) in self.protections(&all) {
            arena::protect(pages, access).expect("an image is a few mappings");
        }
        points
    }

    fn blocks(&self) -> &Blocks {
        self.blocks.get_or_init(|| {
            let code = code::instructions(&self.file);
            let spins = self.spins.iter().map(|spin| spin.offset);
            let stores = self.stores.iter().map(|point| point.offset);
            let pauses = self.stops.iter().filter(|point| point.is_pause);
            let kept = spins.chain(stores).chain(pauses.map(|point| point.offset));
            Blocks::of(&self.file, &code, &kept.collect())
        })
    }
}

impl Image {
    /// Returns `true` if a function begins at `offset`.
    pub(crate) fn begins_function(&self, offset: u32) -> bool {
        functions::begins_at(&self.file, offset)
    }

    /// How much of the function that begins at `offset` is reached only from there: its
    /// prologue or, in a leaf function, what lies before the first place that is led to. No
    /// `switch` leads to less than a jump's length behind the start.
    pub(crate) fn prologue(&self, offset: u32) -> usize {
        functions::prologue(&self.file, offset).unwrap_or_else(|| {
            let next = self.targets.partition_point(|&target| target <= offset);
            let next = self.targets.get(next).copied().unwrap_or(u32::MAX);
            (next - offset).min(LONGEST) as usize
        })
    }

    /// The section with `address` in the image at `base`: its memory, and what may be
    /// done with it. `None` for what is gone once `DriverEntry` has succeeded.
    pub(crate) fn section_at(&self, base: usize, address: usize) -> Option<(Range<usize>, Access)> {
        let offset = u32::try_from(address.checked_sub(base)?).ok()?;
        let mut all = self.file.sections().iter();
        let section = all.find(|section| section.covers(offset, 1))?;
        let start = base + section.address as usize;
        let memory = start..start + section.size as usize;
        (!is_discardable(section)).then(|| (memory, access(section)))
    }

    /// The pages of its sections that may be paged out, mapped at `base`.
    pub(crate) fn pageable(&self, base: usize) -> impl Iterator<Item = (Range<usize>, Access)> {
        let all = self.file.sections().iter();
        let pageable = all.filter(|section| is_pageable(section));
        pageable.map(move |section| (pages(section, base), access(section)))
    }

    /// The pages of all its sections.
    pub(crate) fn sections(&self, base: usize) -> impl Iterator<Item = (Range<usize>, Access)> {
        let all = self.file.sections().iter();
        all.map(move |section| (pages(section, base), access(section)))
    }

    /// What may be done with all its pages: what lies between sections can be read.
    fn protections(&self, all: &Range<usize>) -> Vec<(Range<usize>, Access)> {
        let mut found: Vec<(Range<usize>, Access)> = Vec::new();
        let mut add = |end: usize, access| {
            let start = found.last().map_or(all.start, |(last, _)| last.end);
            match found.last_mut() {
                _ if end <= start => {}
                Some((last, same)) if *same == access => last.end = end,
                _ => found.push((start..end, access)),
            }
        };
        for (pages, access) in self.sections(all.start) {
            add(pages.start, Access::Read);
            add(pages.end, access);
        }
        add(all.end, Access::Read);
        found
    }

    /// The pages of its sections that are gone once `DriverEntry` has succeeded.
    pub(crate) fn discardable(&self, base: usize) -> Vec<Range<usize>> {
        let all = self.file.sections().iter();
        let gone = all.filter(|section| is_discardable(section));
        let mut found: Vec<Range<usize>> = Vec::new();
        for pages in gone.map(|section| pages(section, base)) {
            match found.last_mut() {
                Some(last) if last.end == pages.start => last.end = pages.end,
                _ => found.push(pages),
            }
        }
        found
    }
}

/// Returns `true` if a section may be paged out.
pub(crate) fn is_pageable(section: &Section) -> bool {
    section.name.starts_with("PAGE")
}

/// Returns `true` if a section is gone once `DriverEntry` has succeeded.
pub(crate) fn is_discardable(section: &Section) -> bool {
    section.discardable || section.name.starts_with("INIT")
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
