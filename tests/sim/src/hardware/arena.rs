// SPDX-License-Identifier: MIT OR Apache-2.0

//! The simulated machine's memory: one range of addresses, the same in every
//! process, so that every pointer that a driver sees is the same in every run.
//!
//! Unused memory is inaccessible, so that a driver that accesses it faults at that
//! instruction.
//!
//! The pages that cycles use most stay allocated from cycle to cycle, each as a separate
//! mapping ([`separate`], [`cells`]): making one accessible or inaccessible neither splits
//! nor merges mappings, and causes no page fault.

mod alias;
mod cells;
mod code;
mod separate;

use std::io;
use std::ops::Range;

use crate::costs::{self, Kind};

pub(crate) use alias::{Backing, detach};
pub(crate) use cells::{CELL, CELLS, close as close_cell, open as open_cells};
pub(crate) use code::write as write_code;

/// The unit of protection.
pub(crate) const PAGE: usize = 0x1000;

const BASE: usize = 0x1000_0000_0000;
const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;

/// Addresses of images.
pub(crate) const IMAGES: Range<usize> = BASE..BASE + 240 * MIB;
/// Addresses of code that tells of accesses to memory.
pub(crate) const RECORDERS: Range<usize> = IMAGES.end..IMAGES.end + 16 * MIB;
/// Addresses of thunks.
pub(crate) const THUNKS: Range<usize> = RECORDERS.end..RECORDERS.end + 12 * MIB;
/// Addresses of the slots in which instructions behind breakpoints are
/// executed.
pub(crate) const SLOTS: Range<usize> = THUNKS.end..THUNKS.end + 4 * MIB;
/// Addresses of stacks.
pub(crate) const STACKS: Range<usize> = SLOTS.end..SLOTS.end + 512 * MIB;
/// Addresses of pool.
pub(crate) const POOL: Range<usize> = STACKS.end..STACKS.end + 1024 * MIB;
/// Addresses of the processor's control region (`KPCR`), to which `gs` leads. It is
/// never accessible: reads are emulated.
pub(crate) const PROCESSOR: Range<usize> = POOL.end..POOL.end + 64 * KIB;
/// A page for copies of what emulated instructions read, and what they need besides: near
/// enough to the slots for instructions there to name it.
pub(crate) const COPY: Range<usize> = PROCESSOR.end..PROCESSOR.end + 2 * PAGE;
/// Addresses of imports that nothing provides, which are never accessible.
pub(crate) const MISSING: Range<usize> = COPY.end..COPY.end + 1024 * MIB;

const ALL: Range<usize> = BASE..MISSING.end;

/// Returns `true` if an address is one of the simulated machine's.
pub(crate) fn contains(address: usize) -> bool {
    ALL.contains(&address)
}

/// What may be done with a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    None,
    Read,
    ReadWrite,
    Execute,
    Everything,
}

impl Access {
    const fn flags(self) -> i32 {
        match self {
            Self::None => libc::PROT_NONE,
            Self::Read => libc::PROT_READ,
            Self::ReadWrite => libc::PROT_READ | libc::PROT_WRITE,
            Self::Execute => libc::PROT_READ | libc::PROT_EXEC,
            Self::Everything => libc::PROT_READ | libc::PROT_WRITE | libc::PROT_EXEC,
        }
    }
}

/// Proof that the range is this process's, and given back when dropped.
#[derive(Debug)]
pub(crate) struct Arena(());

impl Arena {
    /// Reserves the range. There can be one arena in a process.
    pub(crate) fn reserve() -> io::Result<Self> {
        // SAFETY: with MAP_FIXED_NOREPLACE no mapping is replaced, so no memory
        // that anyone uses changes.
        let address = unsafe {
            libc::mmap(
                BASE as *mut libc::c_void,
                ALL.len(),
                libc::PROT_NONE,
                libc::MAP_PRIVATE
                    | libc::MAP_ANONYMOUS
                    | libc::MAP_NORESERVE
                    | libc::MAP_FIXED_NOREPLACE,
                -1,
                0,
            )
        };
        if address == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let arena = Self(());
        if address as usize != BASE {
            return Err(io::Error::from_raw_os_error(libc::EEXIST));
        }
        code::map()?;
        protect(COPY, Access::ReadWrite)?;
        Ok(arena)
    }
}

impl Drop for Arena {
    fn drop(&mut self) {
        // SAFETY: the range is this arena's; coroutines and images that used it
        // belong to the machine that is dropped with it.
        unsafe { libc::munmap(BASE as *mut libc::c_void, ALL.len()) };
        separate::forget();
        cells::forget();
        code::unmap();
    }
}

/// Changes what may be done with `pages`, which lie in the arena.
///
/// # Errors
///
/// The system has no room for more mappings.
pub(crate) fn protect(pages: Range<usize>, access: Access) -> io::Result<()> {
    debug_assert!(ALL.start <= pages.start && pages.end <= ALL.end);
    let result = costs::measure(Kind::Protection, || {
        // SAFETY: the pages are the arena's, in which no Rust object lives.
        unsafe {
            libc::mprotect(
                pages.start as *mut libc::c_void,
                pages.len(),
                access.flags(),
            )
        }
    });
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// The writable alias of `pages`, where an image goes; what they contain is left from
/// another one.
pub(crate) fn for_image(pages: &Range<usize>) -> usize {
    separate::extend(pages);
    code::writable(pages)
}

/// Makes `pages` of pool outside the cells, which are not in use, writable; they read as
/// zero.
///
/// # Errors
///
/// The system has no room for more mappings.
pub(crate) fn open(pages: Range<usize>) -> io::Result<()> {
    protect(pages, Access::ReadWrite)
}

/// Forgets the content of `pages`: they read as zero again.
pub(crate) fn discard(pages: Range<usize>) {
    debug_assert!(ALL.start <= pages.start && pages.end <= ALL.end);
    if pages.is_empty() {
        return;
    }
    let result = costs::measure(Kind::Clearing, || {
        // SAFETY: as in `protect`.
        unsafe {
            libc::madvise(
                pages.start as *mut libc::c_void,
                pages.len(),
                libc::MADV_DONTNEED,
            )
        }
    });
    assert_eq!(result, 0, "the pages are mapped and not locked");
}

/// Makes `pages` outside the cells inaccessible, to be used again.
pub(crate) fn recycle(pages: Range<usize>) {
    if IMAGES.contains(&pages.start) {
        code::forget(&separate::behind(&pages));
    } else {
        discard(pages.clone());
    }
    protect(pages, Access::None).expect("one range merges mappings, it splits none");
}
