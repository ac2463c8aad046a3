// SPDX-License-Identifier: MIT OR Apache-2.0

//! DPCs: a queue, and one thread that runs them at `DISPATCH_LEVEL`.
//!
//! # Limits
//!
//! There is one queue for all processors. Wine runs the DPC of a timer on its own, at IRQL
//! 0.

use core::ffi::c_void;
use core::mem;
use core::ptr;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::irql::{self, DISPATCH_LEVEL};
use crate::original::{CreateThread, RtlWaitOnAddress, RtlWakeAddressAll};
use crate::spin::Spin;

type Routine = unsafe extern "system" fn(*mut Dpc, *mut c_void, *mut c_void, *mut c_void);

/// A `KDPC`.
#[repr(C)]
pub(crate) struct Dpc {
    header: u32,
    number: u32,
    /// The next one in the queue.
    next: *mut Dpc,
    history: usize,
    routine: Routine,
    context: *mut c_void,
    arguments: [*mut c_void; 2],
    /// Not 0 while it is in the queue.
    queued: usize,
}

const _: () = assert!(size_of::<Dpc>() == 0x40);

/// `DpcObject`, of medium importance.
const HEADER: u32 = 0x0113;

/// # Invariants
///
/// Each DPC in the queue is resident until it is removed, as its contract requires.
struct Queue {
    first: *mut Dpc,
    last: *mut Dpc,
}

// SAFETY: the DPCs in it are accessed only by the thread that holds its lock.
unsafe impl Send for Queue {}

static QUEUE: Spin<Queue> = Spin::new(Queue {
    first: ptr::null_mut(),
    last: ptr::null_mut(),
});
/// The numbers of queued DPCs, and of those that have run or were removed.
static QUEUED: AtomicU64 = AtomicU64::new(0);
static DONE: AtomicU64 = AtomicU64::new(0);

impl Queue {
    /// Adds a DPC. Returns `true` unless it was queued already.
    ///
    /// # Safety
    ///
    /// `dpc` is initialised, and stays until it is removed.
    unsafe fn add(&mut self, dpc: *mut Dpc, arguments: [*mut c_void; 2]) -> bool {
        // SAFETY: by the contract of this function `dpc` is initialised, and stays until it is
        // removed; the caller holds the queue's lock.
        let new = unsafe { &mut *dpc };
        if mem::replace(&mut new.queued, 1) != 0 {
            return false;
        }
        new.arguments = arguments;
        new.next = ptr::null_mut();
        if self.last.is_null() {
            self.first = dpc;
        } else {
            // SAFETY: by the invariant each DPC in the queue is resident.
            unsafe { (*self.last).next = dpc };
        }
        self.last = dpc;
        QUEUED.fetch_add(1, Ordering::AcqRel);
        true
    }

    fn take(&mut self) -> Option<(*mut Dpc, Routine, [*mut c_void; 3])> {
        let taken = self.first;
        if taken.is_null() {
            return None;
        }
        // SAFETY: by the invariant each DPC in the queue is resident.
        let dpc = unsafe { &mut *taken };
        self.first = dpc.next;
        if self.first.is_null() {
            self.last = ptr::null_mut();
        }
        dpc.queued = 0;
        let [first, second] = dpc.arguments;
        Some((taken, dpc.routine, [dpc.context, first, second]))
    }

    /// Removes a DPC. Returns `true` if it was queued.
    fn remove(&mut self, dpc: *mut Dpc) -> bool {
        let mut previous: *mut Dpc = ptr::null_mut();
        let mut at = self.first;
        while !at.is_null() && at != dpc {
            previous = at;
            // SAFETY: by the invariant each DPC in the queue is resident.
            at = unsafe { (*at).next };
        }
        if at.is_null() {
            return false;
        }
        // SAFETY: by the invariant each DPC in the queue is resident.
        let removed = unsafe { &mut *dpc };
        removed.queued = 0;
        if previous.is_null() {
            self.first = removed.next;
        } else {
            // SAFETY: by the invariant each DPC in the queue is resident.
            unsafe { (*previous).next = removed.next };
        }
        if self.last == dpc {
            self.last = previous;
        }
        true
    }
}

/// The thread that runs DPCs until the session ends.
unsafe extern "system" fn run(_: *mut c_void) -> u32 {
    irql::set(DISPATCH_LEVEL);
    loop {
        let seen = QUEUED.load(Ordering::Acquire);
        while let Some((dpc, routine, [context, first, second])) = QUEUE.with(Queue::take) {
            // SAFETY: the driver's routine is called with the arguments that it queued.
            unsafe { routine(dpc, context, first, second) };
            irql::set(DISPATCH_LEVEL);
            done();
        }
        wait(&QUEUED, seen);
    }
}

fn done() {
    DONE.fetch_add(1, Ordering::AcqRel);
    // SAFETY: the address only identifies the waiters; it is not accessed.
    unsafe { RtlWakeAddressAll((&raw const DONE).cast()) };
}

/// Waits until the word may differ from `seen`.
fn wait(word: &AtomicU64, seen: u64) {
    // SAFETY: both words outlive the call.
    unsafe {
        RtlWaitOnAddress(
            word.as_ptr().cast(),
            (&raw const seen).cast(),
            size_of::<u64>(),
            ptr::null(),
        )
    };
}

/// Starts the thread, once.
fn start() {
    static STARTED: AtomicBool = AtomicBool::new(false);
    if !STARTED.swap(true, Ordering::Relaxed) {
        // SAFETY: the routine ignores its context.
        unsafe { CreateThread(ptr::null(), 0, run, ptr::null_mut(), 0, ptr::null_mut()) };
    }
}

/// # Safety
///
/// The documented contract of the function.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "system" fn KeInitializeDpc(
    dpc: *mut Dpc,
    routine: Routine,
    context: *mut c_void,
) {
    let new = Dpc {
        header: HEADER,
        number: 0,
        next: ptr::null_mut(),
        history: 0,
        routine,
        context,
        arguments: [ptr::null_mut(); 2],
        queued: 0,
    };
    // SAFETY: by the documented contract the memory is that of a DPC that is not queued.
    unsafe { dpc.write(new) };
}

/// # Safety
///
/// The documented contract of the function.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "system" fn KeInsertQueueDpc(
    dpc: *mut Dpc,
    first: *mut c_void,
    second: *mut c_void,
) -> u8 {
    start();
    // SAFETY: by the documented contract the DPC is initialised, and stays until it has run or was removed.
    let added = QUEUE.with(|queue| unsafe { queue.add(dpc, [first, second]) });
    // SAFETY: the address only identifies the waiters; it is not accessed.
    unsafe { RtlWakeAddressAll((&raw const QUEUED).cast()) };
    u8::from(added)
}

/// # Safety
///
/// The documented contract of the function.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "system" fn KeRemoveQueueDpc(dpc: *mut Dpc) -> u8 {
    let removed = QUEUE.with(|queue| queue.remove(dpc));
    if removed {
        done();
    }
    u8::from(removed)
}

/// Waits until all DPCs that were queued before have run.
///
/// # Safety
///
/// No precondition; `unsafe` is the signature of the export.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "system" fn KeFlushQueuedDpcs() {
    let before = QUEUED.load(Ordering::Acquire);
    loop {
        let seen = DONE.load(Ordering::Acquire);
        if seen >= before {
            return;
        }
        wait(&DONE, seen);
    }
}

/// # Safety
///
/// No precondition; `unsafe` is the signature of the export.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "system" fn KeSetImportanceDpc(_: *mut Dpc, _: i32) {}

/// # Safety
///
/// No precondition; `unsafe` is the signature of the export.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "system" fn KeSetTargetProcessorDpc(_: *mut Dpc, _: i8) {}
