// SPDX-License-Identifier: MIT OR Apache-2.0

//! Lookaside lists. They cache nothing: each entry is a pool block, so that a use after
//! it was freed is found.

use std::ffi::c_void;
use std::mem::offset_of;

use super::pool;
use crate::exports::exports;
use crate::exports::find;
use crate::findings::caller::caller;
use crate::findings::stop;
use crate::hardware::irql::{APC_LEVEL, DISPATCH_LEVEL};
use crate::kernel::with;
use crate::objects::kernel_objects::ObjectKind;
use crate::verifier::driver_call;
use crate::verifier::races;

exports! {
    "ExInitializeNPagedLookasideList" <= DISPATCH_LEVEL => initialize_non_paged: ();
    "ExDeleteNPagedLookasideList" <= DISPATCH_LEVEL => delete: ();
    "ExInitializePagedLookasideList" <= APC_LEVEL => initialize_paged: ();
    "ExDeletePagedLookasideList" <= APC_LEVEL => delete: ();
    "ExInitializeLookasideListEx" <= DISPATCH_LEVEL => initialize_ex: i32;
    "ExDeleteLookasideListEx" <= DISPATCH_LEVEL => delete: ();
    "ExFlushLookasideListEx" <= DISPATCH_LEVEL => flush: ();
    "ExAllocateFromLookasideListEx" <= DISPATCH_LEVEL => allocate_ex: usize;
    "ExFreeToLookasideListEx" <= DISPATCH_LEVEL => free_ex: ();
}

/// `GENERAL_LOOKASIDE_POOL`, which is a whole `LOOKASIDE_LIST_EX` and the beginning of the older
/// lists. Inline functions in drivers take entries from it.
#[repr(C, align(16))]
struct Lookaside {
    /// An empty `SLIST_HEADER`.
    head: [u64; 2],
    depth: u16,
    maximum_depth: u16,
    counters: [u32; 4],
    pool_type: u32,
    tag: u32,
    size: u32,
    allocate: usize,
    free: usize,
    /// `true` if these are the kernel's own.
    usual_allocate: bool,
    usual_free: bool,
    rest: [u64; 3],
}

const _: () = assert!(size_of::<Lookaside>() == 0x60);
const _: () = assert!(offset_of!(Lookaside, allocate) == 0x30);

/// Where the counters of a list are. The kit's inline functions count there by plain additions
/// in any thread: they may lose one.
const COUNTERS: usize = offset_of!(Lookaside, counters);
const COUNTERS_SIZE: usize = 16;

const NON_PAGED: u32 = 0x200;
const PAGED: u32 = 1;

/// The address at which drivers call an export.
fn thunk(name: &str) -> usize {
    let export = find("ntoskrnl.exe", name).expect("it is exported here");
    with(|state| {
        let driver = caller(state).map(|by| by.driver);
        let driver = driver.expect("a driver makes the list");
        state.calls.import(driver, export)
    })
}

/// What a list is made of, as all three functions take it.
struct Schedule {
    pool_type: u32,
    allocate: usize,
    free: usize,
    /// What they are unless the driver brings its own.
    defaults: (&'static str, &'static str),
    size: usize,
    tag: u32,
}

/// # Safety
///
/// The list is resident and writable.
unsafe fn initialize(list: *mut Lookaside, plan: &Schedule) {
    let added = with(|state| {
        let by = caller(state);
        state
            .objects
            .created
            .add(list.addr(), ObjectKind::Lookaside, by)
    });
    with(|state| races::excuse(state, list.addr() + COUNTERS, COUNTERS_SIZE));
    if !added {
        let what = "a lookaside list was initialised twice";
        stop(("0xC4", [0xCA, list.addr(), 0, 0]), what.to_owned());
    }
    let or = |given: usize, default: &str| if given == 0 { thunk(default) } else { given };
    let value = Lookaside {
        head: [0; 2],
        depth: 0,
        maximum_depth: 0,
        counters: [0; 4],
        pool_type: plan.pool_type,
        tag: plan.tag,
        size: u32::try_from(plan.size).unwrap_or(u32::MAX),
        allocate: or(plan.allocate, plan.defaults.0),
        free: or(plan.free, plan.defaults.1),
        usual_allocate: plan.allocate == 0,
        usual_free: plan.free == 0,
        rest: [0; 3],
    };
    // SAFETY: the list is resident and writable, by this function's contract.
    unsafe { list.write(value) };
}

unsafe extern "win64" fn initialize_non_paged(
    list: *mut Lookaside,
    allocate: usize,
    free: usize,
    _flags: u32,
    size: usize,
    tag: u32,
    _depth: u16,
) {
    let plan = Schedule {
        pool_type: NON_PAGED,
        allocate,
        free,
        defaults: ("ExAllocatePoolWithTag", "ExFreePool"),
        size,
        tag,
    };
    // SAFETY: this passes on the driver's own arguments, under the same
    // documented contract.
    unsafe { initialize(list, &plan) };
}

unsafe extern "win64" fn initialize_paged(
    list: *mut Lookaside,
    allocate: usize,
    free: usize,
    _flags: u32,
    size: usize,
    tag: u32,
    _depth: u16,
) {
    let plan = Schedule {
        pool_type: PAGED,
        allocate,
        free,
        defaults: ("ExAllocatePoolWithTag", "ExFreePool"),
        size,
        tag,
    };
    // SAFETY: this passes on the driver's own arguments, under the same
    // documented contract.
    unsafe { initialize(list, &plan) };
}

unsafe extern "win64" fn initialize_ex(
    list: *mut Lookaside,
    allocate: usize,
    free: usize,
    pool_type: u32,
    _flags: u32,
    size: usize,
    tag: u32,
    _depth: u16,
) -> i32 {
    let plan = Schedule {
        pool_type,
        allocate,
        free,
        defaults: ("ExAllocatePoolWithTag", "ExFreePool"),
        size,
        tag,
    };
    // SAFETY: this passes on the driver's own arguments, under the same
    // documented contract.
    unsafe { initialize(list, &plan) };
    0
}

fn require(list: *mut Lookaside) {
    if !with(|state| state.objects.created.is(list.addr(), ObjectKind::Lookaside)) {
        let what = with(|state| {
            let created = &state.objects.created;
            match created.deleted(list.addr(), ObjectKind::Lookaside) {
                Some(by) => {
                    let by = state.loader.drivers.show(by);
                    format!("a lookaside list is used that {by} has deleted")
                }
                None => "a lookaside list is used that was not initialised".to_owned(),
            }
        });
        stop(("0xC4", [0xCB, list.addr(), 0, 0]), what);
    }
}

unsafe extern "win64" fn delete(list: *mut Lookaside) {
    require(list);
    with(|state| {
        let by = caller(state);
        let created = &mut state.objects.created;
        created.delete(list.addr(), ObjectKind::Lookaside, by);
        races::excuse_no_more(state, list.addr() + COUNTERS);
    });
}

unsafe extern "win64" fn flush(list: *mut Lookaside) {
    require(list);
}

/// Calls one of the routines with which the driver initialised a list.
///
/// # Safety
///
/// The routine takes these arguments.
unsafe fn call(
    list: *mut Lookaside,
    what: &'static str,
    routine: usize,
    arguments: &[usize],
) -> usize {
    let by = with(|state| state.objects.created.creator(list.addr()));
    // SAFETY: the arguments are right, by this function's contract.
    unsafe { driver_call::call(what, routine, by, arguments) }
}

unsafe extern "win64" fn allocate_ex(list: *mut Lookaside) -> usize {
    require(list);
    // SAFETY: `initialize` wrote it, and the list is resident, as documented.
    let (kind, size, tag) = unsafe { ((*list).pool_type, (*list).size as usize, (*list).tag) };
    // SAFETY: as above.
    let usual = unsafe { (*list).usual_allocate };
    let entry = if usual {
        pool::allocate(pool::flags_of(kind), size, tag).addr()
    } else {
        let arguments = [kind as usize, size, tag as usize, list.addr()];
        let what = "the allocate routine of a lookaside list";
        // SAFETY: `initialize` wrote it, and the function has this type.
        unsafe { call(list, what, (*list).allocate, &arguments) }
    };
    if entry != 0 {
        with(|state| state.objects.lookaside.insert(entry, list.addr()));
    }
    entry
}

unsafe extern "win64" fn free_ex(list: *mut Lookaside, entry: usize) {
    require(list);
    let taken_from = with(|state| state.objects.lookaside.remove(&entry));
    if taken_from.is_some_and(|other| other != list.addr()) {
        let what = "an entry was freed to a lookaside list from which it was not allocated";
        stop("0xC4", what.to_owned());
    }
    // SAFETY: `initialize` wrote it, and the list is resident, as documented.
    if unsafe { (*list).usual_free } {
        pool::free(entry as *mut c_void, 0);
        return;
    }
    let arguments = [entry, list.addr()];
    let what = "the free routine of a lookaside list";
    // SAFETY: as in `allocate_ex`.
    unsafe { call(list, what, (*list).free, &arguments) };
}
