// SPDX-License-Identifier: MIT OR Apache-2.0

//! Memory descriptor lists: allocation, locked pages, and their mapping.
//!
//! # Limits
//!
//! Physical page numbers equal virtual ones. Nothing is mapped for user mode.

use std::ops::Range;
use std::ptr;

use scenarios::NetworkRule;
use windows_sys::Win32::Foundation::STATUS_ACCESS_VIOLATION;

use crate::exports::exceptions::raise;
use crate::exports::{exports, wfp};
use crate::findings::bug_check;
use crate::findings::caller::caller;
use crate::findings::{stop, unsupported};
use crate::hardware::arena::{PAGE, POOL};
use crate::hardware::irql::{self, APC_LEVEL, DISPATCH_LEVEL, HIGH_LEVEL};
use crate::io::irp::Irp;
use crate::io::mdl::{
    self, ALLOCATED, LOCKED, Lock, MAPPED, Mapping, Mdl, NON_PAGED, PARTIAL, PARTIAL_MAPPED, WRITE,
};
use crate::io::packets::Origin;
use crate::kernel::{State, with};
use crate::loader::drivers::Site;
use crate::memory::extent;
use crate::network::requests;
use crate::objects::kernel_objects::ObjectKind;
use crate::verifier::faults::{self, FaultKind};

exports! {
    "IoAllocateMdl" <= DISPATCH_LEVEL => io_allocate_mdl: *mut Mdl;
    "IoFreeMdl" <= DISPATCH_LEVEL => io_free_mdl: ();
    "IoBuildPartialMdl" <= DISPATCH_LEVEL => io_build_partial_mdl: ();
    "MmSizeOfMdl" <= HIGH_LEVEL => mm_size_of_mdl: usize;
    "MmBuildMdlForNonPagedPool" <= DISPATCH_LEVEL => mm_build_mdl_for_non_paged_pool: ();
    "MmProbeAndLockPages" <= DISPATCH_LEVEL => mm_probe_and_lock_pages: ();
    "MmUnlockPages" <= DISPATCH_LEVEL => mm_unlock_pages: ();
    "MmMapLockedPagesSpecifyCache" <= DISPATCH_LEVEL => mm_map_locked_pages_specify_cache: usize;
    "MmMapLockedPages" <= DISPATCH_LEVEL => mm_map_locked_pages: usize;
    "MmUnmapLockedPages" <= DISPATCH_LEVEL => mm_unmap_locked_pages: ();
}

const TAG: u32 = u32::from_le_bytes(*b"Mdl ");
/// `IoReadAccess`.
const READ_ACCESS: i32 = 0;
const USER_MODE: i8 = 1;

unsafe extern "win64" fn io_allocate_mdl(
    start: usize,
    length: u32,
    secondary: u8,
    _charge_quota: u8,
    irp: *mut Irp,
) -> *mut Mdl {
    let at = with(|state| {
        if faults::fails(state, FaultKind::Allocation) {
            return None;
        }
        let size = mdl::size(start, length as usize);
        let at = state.memory.pool.allocate(size, TAG, true, None)?;
        let by = caller(state);
        state.objects.created.add(at, ObjectKind::Mdl, by);
        Some(at)
    });
    let Some(at) = at else {
        return ptr::null_mut();
    };
    let new = at as *mut Mdl;
    // SAFETY: the memory was just allocated for it.
    unsafe { new.write(Mdl::new(start, length, ALLOCATED)) };
    if !irp.is_null() {
        // SAFETY: the request is the caller's, as documented, and so are its MDLs.
        unsafe {
            let mut link = &raw mut (*irp).mdl;
            while secondary != 0 && *link != 0 {
                link = &raw mut (*(*link as *mut Mdl)).next;
            }
            *link = at;
        }
    }
    new
}

/// Ends the cycle if the network still uses the memory that an MDL describes.
pub(super) fn check_unused(mdl: usize, how: &str) {
    if let Some(user) = with(|state| requests::user_of_mdl(state, mdl)) {
        let what = format!("{how} while {user}, is pending, whose buffer it describes");
        stop(NetworkRule::Buffers, what);
    }
    let size = size_of::<Mdl>();
    if let Some(by) = with(|state| wfp::injected_with(state, &(mdl..mdl + size))) {
        let what = format!(
            "{how} that describes a packet which {by} has injected: it is the stack's until the \
             completion routine is called"
        );
        stop("wfp", what);
    }
}

unsafe extern "win64" fn io_free_mdl(mdl: *mut Mdl) {
    let at = mdl.addr();
    check_unused(at, "an MDL was freed");
    if !with(|state| state.objects.created.is(at, ObjectKind::Mdl)) {
        let before = with(|state| {
            let by = state.objects.created.deleted(at, ObjectKind::Mdl)?;
            Some(state.loader.drivers.show(by))
        });
        match before {
            Some(by) => stop(
                ("0xC2", [0x07, 0, 0, at]),
                format!("an MDL was freed twice, by {by} before"),
            ),
            None => stop(
                ("0xC2", [0x42, at, 0, 0]),
                format!("{at:#x} was freed as an MDL, which IoAllocateMdl has not returned"),
            ),
        }
    }
    if let Some(by) = with(|state| Some(shown(state, state.io.mdls.locked(at)?.by))) {
        let what = format!("an MDL was freed whose pages {by} has locked and nobody unlocked");
        stop("0xC4", what);
    }
    // SAFETY: an MDL that was not freed is in memory.
    let flags = unsafe { (*mdl).flags };
    if let Some(by) = with(|state| Some(shown(state, state.io.mdls.mapped(at)?.by))) {
        if flags & PARTIAL == 0 {
            let code = ("0xC4", [0xB8, at, flags_of(flags), 0]);
            let what = format!("an MDL was freed whose pages {by} has mapped and nobody unmapped");
            stop(code, what);
        }
        with(|state| end_mapping(state, at));
    }
    with(|state| {
        let by = caller(state);
        state.io.mdls.forget(at);
        state.objects.created.delete(at, ObjectKind::Mdl, by);
        let _ = state.memory.pool.free(at, 0, by);
    });
}

pub(super) fn shown(state: &State, site: Option<Site>) -> String {
    site.map_or_else(
        || "a driver".to_owned(),
        |site| state.loader.drivers.show(site),
    )
}

/// The flags of an MDL as the parameter of a bug check.
const fn flags_of(flags: i16) -> usize {
    flags.cast_unsigned() as usize
}

unsafe extern "win64" fn io_build_partial_mdl(
    source: *mut Mdl,
    target: *mut Mdl,
    start: usize,
    length: u32,
) {
    // SAFETY: both MDLs are the caller's, as documented.
    let (whole, flags, room, mapped) = unsafe {
        let (source, target) = (&*source, &*target);
        let room = mdl::size(target.memory().start, target.memory().len());
        (source.memory(), source.flags, room, source.mapped)
    };
    let length = match length {
        0 => whole.end.saturating_sub(start),
        length => length as usize,
    };
    if start < whole.start || start + length > whole.end {
        let what = "IoBuildPartialMdl was called for memory that the source MDL does not describe";
        stop("0xC4", what.to_owned());
    }
    if flags & (LOCKED | NON_PAGED | PARTIAL) == 0 {
        let what = "IoBuildPartialMdl was called with a source MDL whose pages are not locked";
        stop("0xC4", what.to_owned());
    }
    if mdl::size(start, length) > room {
        let what = "IoBuildPartialMdl was called with a target MDL that is too small";
        stop("0xC4", what.to_owned());
    }
    if with(|state| state.io.mdls.mapped(target.addr()).is_some()) {
        let what = "IoBuildPartialMdl was called with a target MDL that is mapped: \
                    MmPrepareMdlForReuse comes first";
        stop("0xC4", what.to_owned());
    }
    let length = u32::try_from(length).expect("the source has no more");
    // SAFETY: the target is the caller's and has room, as was just checked.
    unsafe {
        let kept = (*target).flags & ALLOCATED;
        let next = (*target).next;
        let taken = flags & (NON_PAGED | MAPPED);
        target.write(Mdl::new(start, length, kept | taken | PARTIAL));
        (*target).next = next;
        if taken != 0 {
            (*target).mapped = mapped + (start - whole.start);
        }
    }
}

unsafe extern "win64" fn mm_size_of_mdl(start: usize, length: usize) -> usize {
    mdl::size(start, length)
}

/// Writes the numbers of its pages behind an MDL.
///
/// # Safety
///
/// The MDL is writable, and has room for them.
pub(super) unsafe fn write_pages(mdl: *mut Mdl, memory: &Range<usize>) {
    let first = memory.start / PAGE;
    let count = memory.end.div_ceil(PAGE) - first;
    let numbers = mdl.wrapping_add(1).cast::<usize>();
    for index in 0..count {
        // SAFETY: there is room, by this function's contract.
        unsafe { numbers.add(index).write(first + index) };
    }
}

unsafe extern "win64" fn mm_build_mdl_for_non_paged_pool(mdl: *mut Mdl) {
    // SAFETY: the MDL is the caller's, as documented.
    let (memory, flags) = unsafe { ((*mdl).memory(), (*mdl).flags) };
    let at = mdl.addr();
    let level = with(|state| state.scheduling.current().irql);
    if POOL.contains(&memory.start) && with(|state| state.memory.pageable.contains(memory.start)) {
        let code = ("0xC4", [0x7F, usize::from(level), at, flags_of(flags)]);
        let what = "MmBuildMdlForNonPagedPool was called for an MDL of paged pool";
        stop(code, what.to_owned());
    }
    if with(|state| state.io.mdls.locked(at).is_some()) {
        let what = "MmBuildMdlForNonPagedPool was called for an MDL whose pages are locked";
        stop("0xC4", what.to_owned());
    }
    // SAFETY: the MDL is the caller's and has room for its pages, as documented.
    unsafe {
        write_pages(mdl, &memory);
        (*mdl).flags |= NON_PAGED;
        (*mdl).mapped = memory.start;
    }
}

unsafe extern "win64" fn mm_probe_and_lock_pages(mdl: *mut Mdl, _mode: i8, operation: i32) {
    /// Flags of an MDL whose pages need no lock, or have one.
    const WRONG: i16 = LOCKED | MAPPED | NON_PAGED | PARTIAL;

    // SAFETY: the MDL is the caller's, as documented.
    let (memory, flags) = unsafe { ((*mdl).memory(), (*mdl).flags) };
    let at = mdl.addr();
    if flags & WRONG != 0 {
        let code = ("0xC4", [0xB0, at, flags_of(flags), flags_of(flags & WRONG)]);
        let state = match flags & WRONG {
            it if it & LOCKED != 0 => "whose pages are locked already",
            it if it & PARTIAL != 0 => "that is a partial one",
            it if it & NON_PAGED != 0 => "that MmBuildMdlForNonPagedPool has built",
            _ => "that is mapped",
        };
        stop(
            code,
            format!("MmProbeAndLockPages was called for an MDL {state}"),
        );
    }
    let level = with(|state| state.scheduling.current().irql);
    let pageable = |state: &State| {
        let pages = memory.clone().step_by(PAGE).chain(memory.clone().last());
        let mut pages = pages.filter(|&page| state.memory.pageable.contains(page));
        pages.next()
    };
    if level > APC_LEVEL
        && let Some(page) = with(|state| pageable(state))
    {
        let home = with(|state| bug_check::address_of(state, caller(state)));
        let code = ("0xA", [page, usize::from(level), 0, home]);
        let what = format!(
            "MmProbeAndLockPages was called for pageable memory at {}",
            irql::name(level)
        );
        stop(code, what);
    }
    if let Some(page) = with(|state| inaccessible(state, &memory, operation != READ_ACCESS)) {
        let what = format!(
            "MmProbeAndLockPages raised STATUS_ACCESS_VIOLATION: {page:#x} cannot be accessed so"
        );
        raise(STATUS_ACCESS_VIOLATION, what);
        return;
    }
    with(|state| {
        let by = caller(state);
        let regions = state.memory.pageable.lock_all(&memory);
        let lock = Lock {
            memory: memory.clone(),
            regions,
            by,
        };
        state.io.mdls.lock(at, lock);
    });
    let write = if operation == READ_ACCESS { 0 } else { WRITE };
    // SAFETY: the MDL is the caller's and has room for its pages, as documented.
    unsafe {
        write_pages(mdl, &memory);
        (*mdl).flags |= LOCKED | write;
    }
}

/// The first address in `memory` that cannot be accessed.
fn inaccessible(state: &State, memory: &Range<usize>, write: bool) -> Option<usize> {
    let mut address = memory.start;
    while address < memory.end {
        match extent::around(state, address) {
            Some(extent) if extent.writable || !write => address = extent.end(),
            _ => return Some(address),
        }
    }
    None
}

unsafe extern "win64" fn mm_unlock_pages(mdl: *mut Mdl) {
    let at = mdl.addr();
    check_unused(at, "the pages of an MDL were unlocked");
    // SAFETY: the MDL is the caller's, as documented.
    let flags = unsafe { (*mdl).flags };
    if flags & PARTIAL != 0 {
        let code = ("0xC4", [0xB4, at, flags_of(flags), flags_of(PARTIAL)]);
        stop(
            code,
            "MmUnlockPages was called for a partial MDL".to_owned(),
        );
    }
    if flags & NON_PAGED != 0 {
        let code = ("0xC4", [0x7D, at, flags_of(flags), 0]);
        let what = "MmUnlockPages was called for an MDL that MmBuildMdlForNonPagedPool has built";
        stop(code, what.to_owned());
    }
    if with(|state| state.objects.created.is(at, ObjectKind::Pages)) {
        let code = ("0xC4", [0x7C, at, flags_of(flags), 0]);
        let what = "MmUnlockPages was called for an MDL that MmAllocatePagesForMdl has returned: \
                    MmFreePagesFromMdl frees its pages";
        stop(code, what.to_owned());
    }
    if with(|state| state.io.mdls.locked(at).is_none()) {
        let before = with(|state| {
            let by = state.io.mdls.unlocked(at)?;
            Some(state.loader.drivers.show(by))
        });
        let what = before.map_or_else(
            || "MmUnlockPages was called for an MDL whose pages are not locked".to_owned(),
            |by| format!("MmUnlockPages was called twice for an MDL, by {by} before"),
        );
        stop(("0xC4", [0x7C, at, flags_of(flags), 0]), what);
    }
    with(|state| {
        end_mapping(state, at);
        let by = caller(state);
        if let Some(lock) = state.io.mdls.unlock(at, by) {
            state.memory.pageable.unlock_all(&lock.regions);
        }
    });
    // SAFETY: the MDL is the caller's, as documented.
    unsafe { (*mdl).flags &= !(LOCKED | MAPPED | WRITE) };
}

unsafe extern "win64" fn mm_map_locked_pages(mdl: *mut Mdl, _mode: i8) -> usize {
    // SAFETY: the MDL is the caller's, as documented.
    let flags = unsafe { (*mdl).flags };
    let code = ("0xC4", [0x81, mdl.addr(), flags_of(flags), 0]);
    let what = "MmMapLockedPages was called, which stops the system if it cannot map: \
                MmMapLockedPagesSpecifyCache returns NULL";
    stop(code, what.to_owned());
}

unsafe extern "win64" fn mm_map_locked_pages_specify_cache(
    mdl: *mut Mdl,
    mode: i8,
    _cache: i32,
    _requested: usize,
    stops: u32,
    _priority: u32,
) -> usize {
    // SAFETY: the MDL is the caller's, as documented.
    let (memory, flags) = unsafe { ((*mdl).memory(), (*mdl).flags) };
    let at = mdl.addr();
    if mode == USER_MODE {
        unsupported("maps locked pages for user mode");
    }
    if stops != 0 {
        let code = ("0xC4", [0x82, at, flags_of(flags), 0]);
        let what = "MmMapLockedPagesSpecifyCache was called with BugCheckOnFailure";
        stop(code, what.to_owned());
    }
    if flags & MAPPED != 0 {
        let code = ("0xC4", [0xB2, at, flags_of(flags), flags_of(MAPPED)]);
        let what = "MmMapLockedPagesSpecifyCache was called for an MDL that is mapped already";
        stop(code, what.to_owned());
    }
    if flags & (LOCKED | NON_PAGED | PARTIAL) == 0 {
        let code = (
            "0xC4",
            [0xB3, at, flags_of(flags), flags_of(LOCKED | PARTIAL)],
        );
        let what = "MmMapLockedPagesSpecifyCache was called for an MDL whose pages are not locked";
        stop(code, what.to_owned());
    }
    let address = with(|state| {
        if faults::fails(state, FaultKind::Allocation) {
            return None;
        }
        let by = caller(state);
        let memory_state = &mut state.memory;
        let pool = &mut memory_state.pool;
        let address = memory_state.aliases.map(pool, &memory)?;
        let mapping = Mapping {
            address,
            memory: memory.clone(),
            by,
        };
        state.io.mdls.map(at, mapping);
        Some(address)
    });
    let Some(address) = address else {
        return 0;
    };
    let partial = if flags & PARTIAL == 0 {
        0
    } else {
        PARTIAL_MAPPED
    };
    // SAFETY: the MDL is the caller's, as documented.
    unsafe {
        (*mdl).flags |= MAPPED | partial;
        (*mdl).mapped = address;
    }
    address
}

unsafe extern "win64" fn mm_unmap_locked_pages(address: usize, mdl: *mut Mdl) {
    let at = mdl.addr();
    let mapped = with(|state| Some(state.io.mdls.mapped(at)?.address));
    match mapped {
        Some(mapped) if mapped == address => {}
        Some(_) => {
            let what =
                format!("MmUnmapLockedPages was called with {address:#x}, where the MDL is not");
            stop("0xDA", what);
        }
        None => {
            let what = "MmUnmapLockedPages was called for an MDL that \
                        MmMapLockedPagesSpecifyCache has not mapped";
            stop("0xDA", what.to_owned());
        }
    }
    with(|state| end_mapping(state, at));
    // SAFETY: the MDL is the caller's, as documented.
    unsafe { (*mdl).flags &= !(MAPPED | PARTIAL_MAPPED) };
}

/// Makes an MDL of memory that is there, and locks its pages. Returns its address, unless
/// there is no memory. The driver frees that of a request which is its own.
pub(super) fn describe_locked(
    state: &mut State,
    start: usize,
    length: u32,
    write: bool,
    origin: Origin,
) -> Option<usize> {
    let size = mdl::size(start, length as usize);
    let at = state.memory.pool.allocate(size, TAG, true, None)?;
    let by = caller(state).filter(|_| origin == Origin::Allocated);
    if origin == Origin::Allocated {
        state.objects.created.add(at, ObjectKind::Mdl, by);
    }
    let new = Mdl::new(
        start,
        length,
        ALLOCATED | LOCKED | if write { WRITE } else { 0 },
    );
    let memory = new.memory();
    // SAFETY: the memory was just allocated for it and its pages.
    unsafe {
        (at as *mut Mdl).write(new);
        write_pages(at as *mut Mdl, &memory);
    }
    let regions = state.memory.pageable.lock_all(&memory);
    let lock = Lock {
        memory,
        regions,
        by,
    };
    state.io.mdls.lock(at, lock);
    Some(at)
}

/// Frees an MDL that [`describe_locked`] has made for a request of a thread, unless it is 0.
pub(super) fn free_locked(state: &mut State, mdl: usize) {
    if mdl == 0 {
        return;
    }
    end_mapping(state, mdl);
    if let Some(lock) = state.io.mdls.unlock(mdl, None) {
        state.memory.pageable.unlock_all(&lock.regions);
    }
    let _ = state.memory.pool.free(mdl, 0, None);
}

/// Takes the mapping of an MDL away, if it has one.
fn end_mapping(state: &mut State, mdl: usize) {
    if let Some(mapping) = state.io.mdls.unmap(mdl) {
        let by = caller(state);
        let memory = &mut state.memory;
        memory.aliases.unmap(&mut memory.pool, mapping.address, by);
    }
}
