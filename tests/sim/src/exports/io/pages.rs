// SPDX-License-Identifier: MIT OR Apache-2.0

//! Physical pages that an MDL describes, and contiguous memory.
//!
//! # Limits
//!
//! Pages have an address before they are mapped, which drivers cannot find out. There are pages
//! for every requested range of addresses.

use std::ptr;

use crate::exports::exports;
use crate::exports::io::mdls::{check_unused, shown, write_pages};
use crate::exports::memory::pool;
use crate::findings::caller::caller;
use crate::findings::stop;
use crate::hardware::arena::PAGE;
use crate::hardware::irql::{DISPATCH_LEVEL, HIGH_LEVEL};
use crate::io::mdl::{self, LOCKED, Mdl};
use crate::kernel::with;
use crate::objects::kernel_objects::ObjectKind;
use crate::verifier::faults::{self, FaultKind};

exports! {
    "MmAllocatePagesForMdl" <= DISPATCH_LEVEL => allocate_pages: *mut Mdl;
    "MmAllocatePagesForMdlEx" <= DISPATCH_LEVEL => allocate_pages_ex: *mut Mdl;
    "MmFreePagesFromMdl" <= DISPATCH_LEVEL => free_pages: ();
    "MmAllocateContiguousMemory" <= DISPATCH_LEVEL => allocate_contiguous: usize;
    "MmAllocateContiguousMemorySpecifyCache" <= DISPATCH_LEVEL => allocate_contiguous: usize;
    "MmFreeContiguousMemory" <= DISPATCH_LEVEL => free_contiguous: ();
    "MmFreeContiguousMemorySpecifyCache" <= DISPATCH_LEVEL => free_contiguous: ();
    "MmGetPhysicalAddress" <= HIGH_LEVEL => physical_address: usize;
}

const TAG: u32 = u32::from_le_bytes(*b"Mdl ");
const PAGES_TAG: u32 = u32::from_le_bytes(*b"MmPg");
const CONTIGUOUS_TAG: u32 = u32::from_le_bytes(*b"MmCm");

/// `MM_DONT_ZERO_ALLOCATION`, `MM_ALLOCATE_FULLY_REQUIRED`, `MM_ALLOCATE_REQUIRE_CONTIGUOUS_CHUNKS`.
const NOT_ZERO: u32 = 0x1;
const FULLY: u32 = 0x4;
const IN_CHUNKS: u32 = 0x20;

unsafe extern "win64" fn allocate_pages(
    _low: u64,
    _high: u64,
    _skip: u64,
    total: usize,
) -> *mut Mdl {
    allocate(total, 0)
}

unsafe extern "win64" fn allocate_pages_ex(
    _low: u64,
    _high: u64,
    _skip: u64,
    total: usize,
    _cache: i32,
    flags: u32,
) -> *mut Mdl {
    allocate(total, flags)
}

/// Allocates pages for `total` bytes, or for less, which the driver must check.
fn allocate(total: usize, flags: u32) -> *mut Mdl {
    let at = with(|state| {
        let by = caller(state);
        let all = total.div_ceil(PAGE);
        if all == 0 || faults::fails(state, FaultKind::Allocation) {
            return None;
        }
        let may_be_less = all > 1 && flags & (FULLY | IN_CHUNKS) == 0;
        let pages = if may_be_less && faults::fails(state, FaultKind::Allocation) {
            all / 2
        } else {
            all
        };
        let length = u32::try_from(pages * PAGE).ok()?;
        let zeroed = flags & NOT_ZERO == 0;
        let pool = &mut state.memory.pool;
        let start = pool.allocate(length as usize, PAGES_TAG, zeroed, None)?;
        let size = mdl::size(start, length as usize);
        let Some(at) = pool.allocate(size, TAG, true, by) else {
            let _ = pool.free(start, PAGES_TAG, None);
            return None;
        };
        let new = Mdl::new(start, length, LOCKED);
        let memory = new.memory();
        // SAFETY: the memory was just allocated for it and its pages.
        unsafe {
            (at as *mut Mdl).write(new);
            write_pages(at as *mut Mdl, &memory);
        }
        state.objects.created.add(at, ObjectKind::Pages, by);
        Some(at)
    });
    at.map_or(ptr::null_mut(), |at| at as *mut Mdl)
}

unsafe extern "win64" fn free_pages(mdl: *mut Mdl) {
    let at = mdl.addr();
    check_unused(at, "the pages of an MDL were freed");
    if !with(|state| state.objects.created.is(at, ObjectKind::Pages)) {
        let before = with(|state| {
            let by = state.objects.created.deleted(at, ObjectKind::Pages)?;
            Some(state.loader.drivers.show(by))
        });
        let what = before.map_or_else(
            || {
                "MmFreePagesFromMdl was called for an MDL that MmAllocatePagesForMdl has not \
                 returned"
                    .to_owned()
            },
            |by| format!("MmFreePagesFromMdl was called twice for an MDL, by {by} before"),
        );
        stop("0xC4", what);
    }
    if let Some(by) = with(|state| Some(shown(state, state.io.mdls.mapped(at)?.by))) {
        let what = format!("pages were freed that {by} has mapped and nobody unmapped");
        stop("0xC4", what);
    }
    // SAFETY: the MDL is the caller's, as documented.
    let start = unsafe { (*mdl).memory().start };
    with(|state| {
        let by = caller(state);
        state.objects.created.delete(at, ObjectKind::Pages, by);
        let _ = state.memory.pool.free(start, PAGES_TAG, by);
    });
    // SAFETY: the MDL is the caller's, as documented.
    unsafe { (*mdl).flags &= !LOCKED };
}

unsafe extern "win64" fn allocate_contiguous(size: usize) -> usize {
    let at = with(|state| {
        let by = caller(state);
        if size == 0 || faults::fails(state, FaultKind::Allocation) {
            return None;
        }
        let pool = &mut state.memory.pool;
        let at = pool.allocate_aligned((size, PAGE), CONTIGUOUS_TAG, false, by)?;
        state.objects.created.add(at, ObjectKind::Contiguous, by);
        Some(at)
    });
    at.unwrap_or_default()
}

unsafe extern "win64" fn free_contiguous(address: usize) {
    if !with(|state| state.objects.created.is(address, ObjectKind::Contiguous)) {
        let before = with(|state| {
            let by = state
                .objects
                .created
                .deleted(address, ObjectKind::Contiguous)?;
            Some(state.loader.drivers.show(by))
        });
        let what = before.map_or_else(
            || {
                format!(
                    "{address:#x} was freed as contiguous memory, which no \
                     MmAllocateContiguousMemory function has returned"
                )
            },
            |by| format!("contiguous memory was freed twice, by {by} before"),
        );
        stop("0xC4", what);
    }
    with(|state| {
        let by = caller(state);
        let kind = ObjectKind::Contiguous;
        state.objects.created.delete(address, kind, by);
    });
    pool::free(address as *mut _, CONTIGUOUS_TAG);
}

/// Returns `address`: physical page numbers equal virtual ones, as in MDLs.
unsafe extern "win64" fn physical_address(address: usize) -> usize {
    address
}
