// SPDX-License-Identifier: MIT OR Apache-2.0

//! Pool.

use std::ffi::c_void;
use std::ptr;

use windows_sys::Win32::Foundation::STATUS_INSUFFICIENT_RESOURCES;

use crate::exports::exceptions::raise;
use crate::exports::exports;
use crate::exports::io::freed;
use crate::findings::bug_check;
use crate::findings::caller::caller;
use crate::findings::{stop, stop_at};
use crate::hardware::arena::{Access, POOL};
use crate::hardware::irql::{self, APC_LEVEL, DISPATCH_LEVEL};
use crate::kernel::{State, kernel, with};
use crate::memory::placement::ALIGNMENT;
use crate::memory::pool::{Block, FreeError, Hold, tag_text};
use crate::scheduling::Waitable;
use crate::verifier::dispatch_tables::Part;
use crate::verifier::faults::FaultKind;
use crate::verifier::{faults, races};

exports! {
    "ExAllocatePool2" <= DISPATCH_LEVEL => ex_allocate_pool2: *mut c_void;
    "ExAllocatePoolWithTag" <= DISPATCH_LEVEL => ex_allocate_pool_with_tag: *mut c_void;
    "ExAllocatePool3" <= DISPATCH_LEVEL => ex_allocate_pool3: *mut c_void;
    "ExAllocatePool" <= DISPATCH_LEVEL => ex_allocate_pool: *mut c_void;
    "ExAllocatePoolWithQuotaTag" <= DISPATCH_LEVEL => ex_allocate_pool_with_quota_tag: *mut c_void;
    "ExAllocatePoolWithTagPriority" <= DISPATCH_LEVEL => ex_allocate_pool_with_tag: *mut c_void;
    "ExFreePool2" <= DISPATCH_LEVEL => ex_free_pool2: ();
    "ExFreePool" <= DISPATCH_LEVEL => ex_free_pool: ();
    "ExFreePoolWithTag" <= DISPATCH_LEVEL => ex_free_pool_with_tag: ();
}

const POOL_FLAG_UNINITIALIZED: u64 = 0x2;
const POOL_FLAG_CACHE_ALIGNED: u64 = 0x8;
const POOL_FLAG_RAISE_ON_FAILURE: u64 = 0x20;
/// The length of a line of the processor's cache.
const CACHE_LINE: usize = 64;
/// What Windows gives a block without a tag.
const NO_TAG: u32 = u32::from_le_bytes(*b"enoN");
const POOL_FLAG_PAGED: u64 = 0x100;
const POOL_FLAG_NON_PAGED: u64 = 0x40;
const POOL_FLAG_NON_PAGED_EXECUTE: u64 = 0x80;
const POOL_TYPES: u64 = POOL_FLAG_NON_PAGED | POOL_FLAG_NON_PAGED_EXECUTE | POOL_FLAG_PAGED;
/// The bits of a `POOL_TYPE` that say paged and aligned.
const PAGED_POOL: u32 = 1;
const CACHE_ALIGNED: u32 = 4;
/// `POOL_RAISE_IF_ALLOCATION_FAILURE` and `POOL_ZERO_ALLOCATION`, which are added to it.
const RAISES: u32 = 16;
const ZEROED: u32 = 1024;
/// `POOL_QUOTA_FAIL_INSTEAD_OF_RAISE`, which is added to it.
const FAILS: u32 = 8;

/// The `POOL_FLAG`s that stand for a `POOL_TYPE`.
pub(super) const fn flags_of(pool_type: u32) -> u64 {
    let mut flags = if pool_type & ZEROED == 0 {
        POOL_FLAG_UNINITIALIZED
    } else {
        0
    };
    if pool_type & RAISES != 0 {
        flags |= POOL_FLAG_RAISE_ON_FAILURE;
    }
    flags |= if pool_type & PAGED_POOL != 0 {
        POOL_FLAG_PAGED
    } else {
        POOL_FLAG_NON_PAGED
    };
    if pool_type & CACHE_ALIGNED != 0 {
        flags |= POOL_FLAG_CACHE_ALIGNED;
    }
    flags
}

unsafe extern "win64" fn ex_allocate_pool2(flags: u64, size: usize, tag: u32) -> *mut c_void {
    allocate(flags, size, tag)
}

unsafe extern "win64" fn ex_allocate_pool3(
    flags: u64,
    size: usize,
    tag: u32,
    _parameters: *const c_void,
    _count: u32,
) -> *mut c_void {
    // SAFETY: it needs nothing.
    unsafe { ex_allocate_pool2(flags, size, tag) }
}

unsafe extern "win64" fn ex_allocate_pool(pool_type: u32, size: usize) -> *mut c_void {
    // SAFETY: it needs nothing.
    unsafe { ex_allocate_pool_with_tag(pool_type, size, NO_TAG) }
}

unsafe extern "win64" fn ex_allocate_pool_with_tag(
    pool_type: u32,
    size: usize,
    tag: u32,
) -> *mut c_void {
    allocate(flags_of(pool_type), size, tag)
}

unsafe extern "win64" fn ex_allocate_pool_with_quota_tag(
    pool_type: u32,
    size: usize,
    tag: u32,
) -> *mut c_void {
    let raises = if pool_type & FAILS == 0 {
        POOL_FLAG_RAISE_ON_FAILURE
    } else {
        0
    };
    allocate(flags_of(pool_type) | raises, size, tag)
}

pub(super) fn allocate(flags: u64, size: usize, tag: u32) -> *mut c_void {
    // Flags without a type of pool are invalid, for which it returns null.
    if flags & POOL_TYPES == 0 {
        return ptr::null_mut();
    }
    let paged = flags & POOL_FLAG_PAGED != 0;
    let zeroed = flags & POOL_FLAG_UNINITIALIZED == 0;
    let alignment = if flags & POOL_FLAG_CACHE_ALIGNED != 0 {
        CACHE_LINE
    } else {
        ALIGNMENT
    };
    let level = with(|state| state.scheduling.current().irql);
    let kind = usize::from(paged);
    if paged && level > APC_LEVEL {
        stop(
            ("0xC4", [0x01, usize::from(level), kind, size]),
            format!("paged pool was allocated at {}", irql::name(level)),
        );
    }
    if size == 0 {
        let code = ("0xC4", [0x00, usize::from(level), kind, 0]);
        stop(code, "0 bytes of pool were allocated".to_owned());
    }
    if tag == 0 {
        let caller = with(|state| bug_check::address_of(state, caller(state)));
        let code = ("0xC2", [0x9B, kind, size, caller]);
        stop(code, "pool was allocated with the tag 0".to_owned());
    }
    let address = with(|state| {
        let owner = caller(state);
        if faults::fails(state, FaultKind::Allocation) {
            return None;
        }
        let pool = &mut state.memory.pool;
        let address = pool.allocate_aligned((size, alignment), tag, zeroed, owner)?;
        races::allocated(state, address, size);
        if state.memory.pool.reuses() {
            let memory = address..address + size;
            state.verifier.dispatch_tables.forget_contexts(&memory);
        }
        let block = state.memory.pool.near(address).filter(|_| paged);
        if let Some(pages) = block.and_then(Block::own_pages) {
            state.memory.pageable.add(pages, Access::ReadWrite);
        }
        Some(address)
    });
    if address.is_none() && flags & POOL_FLAG_RAISE_ON_FAILURE != 0 {
        let what = "an allocation failed that raises STATUS_INSUFFICIENT_RESOURCES then";
        raise(STATUS_INSUFFICIENT_RESOURCES, what.to_owned());
    }
    address.map_or(ptr::null_mut(), |address| address as *mut c_void)
}

unsafe extern "win64" fn ex_free_pool(block: *mut c_void) {
    free(block, 0);
}

unsafe extern "win64" fn ex_free_pool_with_tag(block: *mut c_void, tag: u32) {
    free(block, tag);
}

unsafe extern "win64" fn ex_free_pool2(
    block: *mut c_void,
    tag: u32,
    _parameters: *const c_void,
    _count: u32,
) {
    free(block, tag);
}

/// Nothing that the kernel still uses may lie in memory that is freed.
fn check_unused(address: usize) {
    let memory = with(|state| {
        let block = state.memory.pool.near(address)?;
        let in_use = block.start == address && block.hold == Hold::InUse;
        in_use.then(|| address..address + block.size)
    });
    let Some(memory) = memory else { return };
    let live = with(|state| state.objects.created.within(memory.clone()));
    if let Some((at, live)) = live {
        let what = format!("a block of pool was freed with {} in it", live.kind.name());
        stop(live.kind.when_freed(at, &memory), what);
    }
    if with(|state| state.io.knows_memory() || state.network.knows_memory()) {
        freed::check(&memory);
    }
    if let Some(held) = with(|state| state.verifier.locks.within(&memory)) {
        let what = format!(
            "a block of pool was freed with {} in it that is held",
            held.kind.name()
        );
        let owner = with(|state| state.scheduling.thread(held.thread).object);
        stop(("0xC4", [0x100B, held.address, owner, 0]), what);
    }
    let waits = |state: &State| {
        let mut threads = state.scheduling.threads().iter();
        threads.any(|thread| match thread.blocked_on() {
            Some(Waitable::Object(on)) => memory.contains(&on),
            _ => false,
        })
    };
    if with(|state| waits(state)) {
        let what = "a block of pool was freed with an object in it that a thread waits for";
        stop("0xC4", what.to_owned());
    }
    kernel().registrar.freeing(&memory);
}

/// Lets a new block take the place of the freed one at `address`, unless a check has to
/// know that it was freed.
fn use_again(state: &mut State, address: usize) {
    let Some(block) = state.memory.pool.near(address) else {
        return;
    };
    let memory = block.start..block.start + block.size.max(1);
    let handed = state.verifier.dispatch_tables.within(&memory);
    let is_table = matches!(handed, Some((_, Part::Table)));
    if !is_table && !state.verifier.outstanding_requests.within(memory.clone()) {
        state.verifier.locks.forget_within(&memory);
        state.memory.pool.offer(address);
    }
}

fn forbid_paged_at_dispatch(address: usize) {
    /// `PagedPool`.
    const PAGED: usize = 1;
    let level = with(|state| state.scheduling.current().irql);
    if level > APC_LEVEL && with(|state| state.memory.pageable.contains(address)) {
        let code = ("0xC4", [0x11, usize::from(level), PAGED, address]);
        stop(
            code,
            format!("paged pool was freed at {}", irql::name(level)),
        );
    }
}

/// What is at an address where no block of pool starts.
fn describe(state: &State, address: usize) -> String {
    let inside = |block: &&Block| (block.start..block.start + block.size).contains(&address);
    let block = POOL
        .contains(&address)
        .then(|| state.memory.pool.near(address));
    let Some(block) = block.flatten().filter(inside) else {
        return "is no block of pool".to_owned();
    };
    let by = block.owner.map(|owner| state.loader.drivers.show(owner));
    format!(
        "is {:#x} bytes into a block of {:#x} bytes with tag {} allocated by {}",
        address - block.start,
        block.size,
        tag_text(block.tag),
        by.unwrap_or_else(|| "the kernel".to_owned())
    )
}

pub(in crate::exports) fn free(block: *mut c_void, tag: u32) {
    let address = block.addr();
    forbid_paged_at_dispatch(address);
    check_unused(address);
    let result = with(|state| {
        let by = caller(state);
        let block = state.memory.pool.near(address);
        let block = block.map(|block| (block.own_pages(), block.size));
        let freed = state.memory.pool.free(address, tag, by);
        if let (Some((pages, size)), Ok(())) = (block, freed) {
            if let Some(pages) = pages {
                state.memory.pageable.remove(pages);
            }
            races::freed(state, address, size, by);
            if state.memory.pool.reuses() {
                use_again(state, address);
            }
        }
        freed
    });
    match result {
        Ok(()) => {}
        Err(FreeError::NoBlock) => {
            let what = with(|state| describe(state, address));
            let what = format!("{address:#x} was freed, which {what}");
            stop(("0xC2", [0x42, address, 0, 0]), what);
        }
        Err(FreeError::Freed) => {
            let code = ("0xC2", [0x07, 0, 0, address]);
            let late = with(|state| {
                let by = state.memory.pool.near(address)?.freed_late_by()?;
                Some((by, state.loader.drivers.show(caller(state)?)))
            });
            if let Some((by, owner)) = late {
                let what = format!(
                    "a block of pool was freed a second time, when another driver had it already, \
                     which frees it at {owner}"
                );
                stop_at(code, what, Some(by));
            }
            let before = with(|state| match state.memory.pool.near(address)?.hold {
                Hold::Freed(Some(by)) => Some(state.loader.drivers.show(by)),
                _ => None,
            });
            let by = before.map_or_else(String::new, |by| format!(", by {by} before"));
            stop(code, format!("a block of pool was freed twice{by}"));
        }
        Err(FreeError::Tag(right)) => {
            let code = ("0xC2", [0x0A, address, right as usize, tag as usize]);
            let (wrong, right) = (tag_text(tag), tag_text(right));
            stop(
                code,
                format!("a block with tag {right} was freed with tag {wrong}"),
            );
        }
        Err(error @ (FreeError::Overrun(_) | FreeError::Underrun(_))) => {
            let (at, place) = error.written().expect("it is one of these");
            let what = format!("a block of pool was written {place}");
            stop(("0xC1", [address, at, 0, 0x24]), what);
        }
    }
}
