// SPDX-License-Identifier: MIT OR Apache-2.0

//! Memory descriptor lists as drivers see them, and which of them have locked or mapped the
//! pages that they describe.

use std::collections::BTreeMap;
use std::mem::offset_of;
use std::ops::Range;

use crate::hardware::arena::PAGE;
use crate::loader::drivers::{DriverId, Site};

/// `MDL`; the page frame numbers follow it.
#[repr(C)]
pub(crate) struct Mdl {
    pub(crate) next: usize,
    size: i16,
    pub(crate) flags: i16,
    reserved: u32,
    process: usize,
    pub(crate) mapped: usize,
    start: usize,
    byte_count: u32,
    byte_offset: u32,
}

const _: () = assert!(size_of::<Mdl>() == 0x30 && offset_of!(Mdl, byte_count) == 0x28);

/// `MDL_MAPPED_TO_SYSTEM_VA`.
pub(crate) const MAPPED: i16 = 0x1;
/// `MDL_PAGES_LOCKED`.
pub(crate) const LOCKED: i16 = 0x2;
/// `MDL_SOURCE_IS_NONPAGED_POOL`.
pub(crate) const NON_PAGED: i16 = 0x4;
/// `MDL_ALLOCATED_FIXED_SIZE`.
pub(crate) const ALLOCATED: i16 = 0x8;
/// `MDL_PARTIAL`.
pub(crate) const PARTIAL: i16 = 0x10;
/// `MDL_PARTIAL_HAS_BEEN_MAPPED`.
pub(crate) const PARTIAL_MAPPED: i16 = 0x20;
/// `MDL_WRITE_OPERATION`.
pub(crate) const WRITE: i16 = 0x80;

/// The bytes of an MDL for this memory: `MmSizeOfMdl`.
pub(crate) const fn size(start: usize, length: usize) -> usize {
    let pages = (start % PAGE + length).div_ceil(PAGE);
    size_of::<Mdl>() + pages * size_of::<usize>()
}

impl Mdl {
    /// An MDL of `length` bytes from `start` on, as `MmInitializeMdl` makes it.
    pub(crate) fn new(start: usize, length: u32, flags: i16) -> Self {
        let size = size(start, length as usize);
        Self {
            next: 0,
            size: i16::try_from(size).unwrap_or(i16::MAX),
            flags,
            reserved: 0,
            process: 0,
            mapped: 0,
            start: start / PAGE * PAGE,
            byte_count: length,
            byte_offset: u32::try_from(start % PAGE).expect("a page is small"),
        }
    }

    /// The memory that it describes.
    pub(crate) const fn memory(&self) -> Range<usize> {
        let start = self.start + self.byte_offset as usize;
        start..start + self.byte_count as usize
    }
}

/// The pages that an MDL has locked.
#[derive(Debug)]
pub(crate) struct Lock {
    pub(crate) memory: Range<usize>,
    /// The pageable regions among them, by their starts.
    pub(crate) regions: Vec<usize>,
    /// The call that has locked them.
    pub(crate) by: Option<Site>,
}

impl Lock {
    /// How many pages there are.
    pub(crate) const fn pages(&self) -> usize {
        let first = self.memory.start / PAGE;
        self.memory.end.div_ceil(PAGE) - first
    }
}

/// The mapping that an MDL has.
#[derive(Debug)]
pub(crate) struct Mapping {
    pub(crate) address: usize,
    pub(crate) memory: Range<usize>,
    /// The call that has made it.
    pub(crate) by: Option<Site>,
}

/// Which MDLs of a cycle have locked or mapped pages, by their addresses.
#[derive(Debug, Default)]
pub(crate) struct Mdls {
    locks: BTreeMap<usize, Lock>,
    mappings: BTreeMap<usize, Mapping>,
    /// The calls that have unlocked the pages of MDLs.
    unlocked: BTreeMap<usize, Site>,
}

impl Mdls {
    /// Returns `true` if no MDL has locked or mapped pages.
    pub(crate) fn is_empty(&self) -> bool {
        self.locks.is_empty() && self.mappings.is_empty()
    }

    /// Records that an MDL has locked pages.
    pub(crate) fn lock(&mut self, mdl: usize, lock: Lock) {
        self.unlocked.remove(&mdl);
        self.locks.insert(mdl, lock);
    }

    /// Ends the lock of an MDL, as `by` asks.
    pub(crate) fn unlock(&mut self, mdl: usize, by: Option<Site>) -> Option<Lock> {
        let lock = self.locks.remove(&mdl)?;
        self.unlocked.extend(by.map(|by| (mdl, by)));
        Some(lock)
    }

    /// The lock of an MDL.
    pub(crate) fn locked(&self, mdl: usize) -> Option<&Lock> {
        self.locks.get(&mdl)
    }

    /// The call that has unlocked the pages of an MDL that has none locked.
    pub(crate) fn unlocked(&self, mdl: usize) -> Option<Site> {
        self.unlocked.get(&mdl).copied()
    }

    /// Records the mapping of an MDL.
    pub(crate) fn map(&mut self, mdl: usize, mapping: Mapping) {
        self.mappings.insert(mdl, mapping);
    }

    /// Takes the mapping of an MDL away.
    pub(crate) fn unmap(&mut self, mdl: usize) -> Option<Mapping> {
        self.mappings.remove(&mdl)
    }

    /// The mapping of an MDL.
    pub(crate) fn mapped(&self, mdl: usize) -> Option<&Mapping> {
        self.mappings.get(&mdl)
    }

    /// Forgets what was known of an MDL that is freed.
    pub(crate) fn forget(&mut self, mdl: usize) {
        self.unlocked.remove(&mdl);
    }

    /// What would be wrong with freeing `memory`: the pages of it that an MDL has locked or
    /// mapped, or that it holds an MDL which has, and the call that did it.
    pub(crate) fn within(&self, memory: &Range<usize>) -> Option<(&'static str, Option<Site>)> {
        let overlaps = |it: &Range<usize>| it.start < memory.end && memory.start < it.end;
        let locked = self.locks.values().find(|it| overlaps(&it.memory));
        if let Some(lock) = locked {
            return Some(("whose pages an MDL has locked", lock.by));
        }
        let mapped = self.mappings.values().find(|it| overlaps(&it.memory));
        if let Some(mapping) = mapped {
            return Some(("whose pages an MDL has mapped", mapping.by));
        }
        let holds = self.locks.range(memory.clone()).next();
        if let Some((_, lock)) = holds {
            return Some(("with an MDL in it whose pages are locked", lock.by));
        }
        let (_, mapping) = self.mappings.range(memory.clone()).next()?;
        Some(("with an MDL in it whose pages are mapped", mapping.by))
    }

    /// The first lock that a driver has left, and its MDL.
    pub(crate) fn locked_by(&self, driver: DriverId) -> Option<(usize, &Lock)> {
        let mut locks = self.locks.iter();
        let (&mdl, lock) = locks.find(|(_, lock)| lock.by.is_some_and(|by| by.driver == driver))?;
        Some((mdl, lock))
    }

    /// The first mapping that a driver has left.
    pub(crate) fn mapped_by(&self, driver: DriverId) -> Option<&Mapping> {
        let mut mappings = self.mappings.values();
        mappings.find(|it| it.by.is_some_and(|by| by.driver == driver))
    }
}
