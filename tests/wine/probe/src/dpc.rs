// SPDX-License-Identifier: MIT OR Apache-2.0

//! Checks that DPCs run once for each time they are queued, at `DISPATCH_LEVEL`.

use core::ffi::c_void;
use core::ptr;
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use native::irql;

use crate::system::{
    Dpc, KeFlushQueuedDpcs, KeInitializeDpc, KeInsertQueueDpc, KeRemoveQueueDpc, sleep,
};

/// Data that DPCs share with the threads that queue them.
#[derive(Default)]
struct Seen {
    started: AtomicBool,
    let_go: AtomicBool,
    runs: AtomicU32,
    level: AtomicU32,
}

pub(crate) fn works() {
    let seen = Seen::default();
    let context = (&raw const seen).cast_mut().cast();
    let (mut first, mut second): (Dpc, Dpc) = Default::default();
    // SAFETY: both DPCs and their context stay until they are flushed.
    unsafe {
        KeInitializeDpc(&raw mut first, hold, context);
        KeInitializeDpc(&raw mut second, count, context);
        assert_eq!(insert(&raw mut first), 1, "it was not queued");
    }
    while !seen.started.load(Ordering::Acquire) {
        sleep(1);
    }
    // SAFETY: both DPCs stay until they are flushed; the first one keeps the second from
    // running.
    unsafe {
        assert_eq!(insert(&raw mut second), 1, "it was not queued");
        assert_eq!(insert(&raw mut second), 0, "it is queued");
        assert_eq!(KeRemoveQueueDpc(&raw mut second), 1, "it was queued");
        assert_eq!(KeRemoveQueueDpc(&raw mut second), 0, "it is removed");
        assert_eq!(insert(&raw mut second), 1, "it was removed");
    }
    seen.let_go.store(true, Ordering::Release);
    // SAFETY: this thread is at `PASSIVE_LEVEL`.
    unsafe { KeFlushQueuedDpcs() };
    assert_eq!(seen.runs.load(Ordering::Acquire), 1, "runs of a DPC");
    assert_eq!(seen.level.load(Ordering::Acquire), 2, "the IRQL of a DPC");
}

/// # Safety
///
/// The DPC is initialised and stays until it has run.
unsafe fn insert(dpc: *mut Dpc) -> u8 {
    // SAFETY: by the contract of this function the DPC is initialised, and stays until it has run.
    unsafe { KeInsertQueueDpc(dpc, ptr::null_mut(), ptr::null_mut()) }
}

unsafe extern "system" fn hold(_: *mut Dpc, seen: *mut c_void, _: *mut c_void, _: *mut c_void) {
    // SAFETY: the thread that queued the DPC waits, so its context is valid.
    let seen = unsafe { &*seen.cast::<Seen>() };
    seen.started.store(true, Ordering::Release);
    while !seen.let_go.load(Ordering::Acquire) {
        core::hint::spin_loop();
    }
}

unsafe extern "system" fn count(_: *mut Dpc, seen: *mut c_void, _: *mut c_void, _: *mut c_void) {
    // SAFETY: the thread that queued the DPC waits, so its context is valid.
    let seen = unsafe { &*seen.cast::<Seen>() };
    seen.level
        .store(u32::from(irql::current()), Ordering::Release);
    seen.runs.fetch_add(1, Ordering::AcqRel);
}
