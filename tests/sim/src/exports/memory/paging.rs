// SPDX-License-Identifier: MIT OR Apache-2.0

//! Keeping the pageable sections of an image in memory.

use crate::exports::exports;
use crate::findings::stop;
use crate::hardware::irql::APC_LEVEL;
use crate::kernel::with;
use crate::memory::pageable;

exports! {
    "MmPageEntireDriver" <= APC_LEVEL => mm_page_entire_driver: usize;
    "MmResetDriverPaging" <= APC_LEVEL => mm_reset_driver_paging: ();
    "MmLockPagableDataSection" <= APC_LEVEL => mm_lock_pagable_data_section: usize;
    "MmLockPagableSectionByHandle" <= APC_LEVEL => mm_lock_pagable_section_by_handle: ();
    "MmUnlockPagableImageSection" <= APC_LEVEL => mm_unlock_pagable_image_section: ();
}

/// What section an address is in that is resident anyway; there is nothing to
/// count then.
const RESIDENT: usize = 1;

unsafe extern "win64" fn mm_page_entire_driver(address: usize) -> usize {
    with(|state| pageable::page_driver(state, address).unwrap_or_default())
}

unsafe extern "win64" fn mm_reset_driver_paging(address: usize) {
    with(|state| pageable::reset_driver(state, address));
}

/// `MmLockPagableCodeSection` is this function by another name.
unsafe extern "win64" fn mm_lock_pagable_data_section(address: usize) -> usize {
    with(|state| state.memory.pageable.lock(address).unwrap_or(RESIDENT))
}

unsafe extern "win64" fn mm_lock_pagable_section_by_handle(handle: usize) {
    let known =
        handle == RESIDENT || with(|state| state.memory.pageable.lock(handle) == Some(handle));
    if !known {
        let what = format!("{handle:#x} was locked, which is no handle of a pageable section");
        stop(("0x1A", [0x1234, 0, 0, 0]), what);
    }
}

unsafe extern "win64" fn mm_unlock_pagable_image_section(handle: usize) {
    let unlocked = handle == RESIDENT || with(|state| state.memory.pageable.unlock(handle));
    if !unlocked {
        let what = format!("{handle:#x} was unlocked, which is no pageable section that is locked");
        stop(("0x1A", [0x1010, 0, 0, 0]), what);
    }
}
