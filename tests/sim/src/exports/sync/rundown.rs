// SPDX-License-Identifier: MIT OR Apache-2.0

//! Rundown protection, plain and cache-aware.
//!
//! A reference is one word: twice the number of those that hold it, plus one
//! once a wait for their end has begun.

use crate::exports::exports;
use crate::findings::caller::caller;
use crate::findings::stop;
use crate::hardware::irql::{APC_LEVEL, DISPATCH_LEVEL, HIGH_LEVEL};
use crate::kernel::with;
use crate::scheduling::{Waitable, block};
use crate::verifier::faults::{self, FaultKind};

exports! {
    "ExInitializeRundownProtection" <= HIGH_LEVEL => initialize: ();
    "ExReInitializeRundownProtection" <= HIGH_LEVEL => reinitialize: ();
    "ExAcquireRundownProtection" <= DISPATCH_LEVEL => acquire: u8;
    "ExAcquireRundownProtectionEx" <= DISPATCH_LEVEL => acquire_ex: u8;
    "ExReleaseRundownProtection" <= DISPATCH_LEVEL => release: ();
    "ExReleaseRundownProtectionEx" <= DISPATCH_LEVEL => release_ex: ();
    "ExWaitForRundownProtectionRelease" <= APC_LEVEL => wait: ();
    "ExRundownCompleted" <= HIGH_LEVEL => completed: ();
    "ExAllocateCacheAwareRundownProtection" <= DISPATCH_LEVEL => allocate: usize;
    "ExFreeCacheAwareRundownProtection" <= DISPATCH_LEVEL => free: ();
    "ExSizeOfRundownProtectionCacheAware" <= HIGH_LEVEL => size: usize;
    "ExInitializeRundownProtectionCacheAware" <= HIGH_LEVEL => initialize_sized: ();
    "ExReInitializeRundownProtectionCacheAware" <= HIGH_LEVEL => reinitialize: ();
    "ExAcquireRundownProtectionCacheAware" <= DISPATCH_LEVEL => acquire: u8;
    "ExAcquireRundownProtectionCacheAwareEx" <= DISPATCH_LEVEL => acquire_ex: u8;
    "ExReleaseRundownProtectionCacheAware" <= DISPATCH_LEVEL => release: ();
    "ExReleaseRundownProtectionCacheAwareEx" <= DISPATCH_LEVEL => release_ex: ();
    "ExWaitForRundownProtectionReleaseCacheAware" <= APC_LEVEL => wait: ();
    "ExRundownCompletedCacheAware" <= HIGH_LEVEL => completed: ();
}

/// `EX_RUNDOWN_ACTIVE`.
const ACTIVE: usize = 1;
/// What one holder counts: `EX_RUNDOWN_COUNT_INC`.
const ONE: usize = 2;

type Reference = *mut usize;

unsafe extern "win64" fn initialize(reference: Reference) {
    // SAFETY: the reference is resident and writable, as documented.
    unsafe { reference.write(0) };
}

unsafe extern "win64" fn reinitialize(reference: Reference) {
    // SAFETY: as in `initialize`.
    if unsafe { reference.read() } != ACTIVE {
        let what = "rundown protection was reinitialised that has not been run down";
        stop("0xC4", what.to_owned());
    }
    // SAFETY: as in `initialize`.
    unsafe { reference.write(0) };
}

unsafe extern "win64" fn acquire(reference: Reference) -> u8 {
    // SAFETY: this passes on the driver's own arguments, under the same
    // documented contract.
    unsafe { acquire_ex(reference, 1) }
}

unsafe extern "win64" fn acquire_ex(reference: Reference, count: u32) -> u8 {
    // SAFETY: as in `initialize`.
    let value = unsafe { reference.read() };
    if value & ACTIVE != 0 {
        return 0;
    }
    // SAFETY: as in `initialize`.
    unsafe { reference.write(value.wrapping_add(ONE * count as usize)) };
    1
}

unsafe extern "win64" fn release(reference: Reference) {
    // SAFETY: this passes on the driver's own arguments, under the same
    // documented contract.
    unsafe { release_ex(reference, 1) };
}

unsafe extern "win64" fn release_ex(reference: Reference, count: u32) {
    // SAFETY: as in `initialize`.
    let value = unsafe { reference.read() };
    let Some(left) = (value & !ACTIVE).checked_sub(ONE * count as usize) else {
        let what = "rundown protection was released that had not been acquired";
        stop("0xC4", what.to_owned());
    };
    // SAFETY: as in `initialize`.
    unsafe { reference.write(left | (value & ACTIVE)) };
    if left == 0 {
        let on = Waitable::Object(reference.addr());
        with(|state| state.scheduling.wake_all(on));
    }
}

unsafe extern "win64" fn wait(reference: Reference) {
    // SAFETY: as in `initialize`.
    unsafe { reference.write(reference.read() | ACTIVE) };
    // SAFETY: as in `initialize`; it stays until the wait is over.
    while unsafe { reference.read() } != ACTIVE {
        block(Waitable::Object(reference.addr()), None);
    }
}

unsafe extern "win64" fn completed(reference: Reference) {
    // SAFETY: as in `initialize`.
    unsafe { reference.write(ACTIVE) };
}

unsafe extern "win64" fn size() -> usize {
    size_of::<usize>()
}

unsafe extern "win64" fn initialize_sized(reference: Reference, length: usize) {
    if length < size_of::<usize>() {
        let what = format!("{length} bytes are too few for cache-aware rundown protection");
        stop("0xC4", what);
    }
    // SAFETY: this passes on the driver's own arguments, under the same
    // documented contract.
    unsafe { initialize(reference) };
}

unsafe extern "win64" fn allocate(_pool_type: u32, tag: u32) -> usize {
    if with(|state| faults::fails(state, FaultKind::Allocation)) {
        return 0;
    }
    let reference = with(|state| {
        let by = caller(state);
        state
            .memory
            .pool
            .allocate(size_of::<usize>(), tag, true, by)
    });
    reference.unwrap_or(0)
}

unsafe extern "win64" fn free(reference: Reference) {
    // SAFETY: as in `initialize`.
    if unsafe { reference.read() } & !ACTIVE != 0 {
        let what = "rundown protection was freed that is still held";
        stop("0xC4", what.to_owned());
    }
    crate::exports::memory::pool::free(reference.cast(), 0);
}
