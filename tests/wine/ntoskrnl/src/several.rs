// SPDX-License-Identifier: MIT OR Apache-2.0

//! Waits for several objects, of which some are events made here.
//!
//! A waiter checks all objects whenever any event is set, and polls Wine's own objects
//! periodically.
//!
//! # Limits
//!
//! A wait for all objects restores the signals that it consumed while one was missing.
//! Therefore Wine's own objects must be threads, or others that a wait does not reset.

use core::ffi::c_void;
use core::ptr;
use core::slice;
use core::sync::atomic::{AtomicU64, Ordering, fence};

use crate::event::{Event, STATUS_SUCCESS, STATUS_TIMEOUT, WAIT_ANY, deadline, now};
use crate::original::{KeWaitForMultipleObjects, RtlWaitOnAddress, RtlWakeAddressAll};

/// The number of waiting threads.
static WAITERS: AtomicU64 = AtomicU64::new(0);
/// Changes whenever an event is set while a thread waits.
static CHANGES: AtomicU64 = AtomicU64::new(0);

/// Interval of polling Wine's own objects, in 100 ns.
const PERIOD: i64 = 10_000;

/// Wakes the waiters: an event was set.
pub(crate) fn tell() {
    // Sequentially consistent: either this sees the waiter, or the waiter sees the event.
    fence(Ordering::SeqCst);
    if WAITERS.load(Ordering::Relaxed) > 0 {
        CHANGES.fetch_add(1, Ordering::AcqRel);
        // SAFETY: the address only identifies the waiters; it is not accessed.
        unsafe { RtlWakeAddressAll((&raw const CHANGES).cast()) };
    }
}

/// An object in a wait.
enum Waited<'a> {
    Ours(&'a Event),
    Wines(*mut c_void),
}

impl Waited<'_> {
    /// # Safety
    ///
    /// The object can be waited for, and outlives the wait.
    unsafe fn new(object: *mut c_void) -> Self {
        // SAFETY: every waitable object begins with a dispatcher header.
        let event = unsafe { &*object.cast::<Event>() };
        if event.is_marked() {
            return Self::Ours(event);
        }
        Self::Wines(object)
    }

    /// Returns `true` if a wait for it is satisfied.
    fn take(&self) -> bool {
        match self {
            Self::Ours(event) => event.take(),
            // SAFETY: the object can be waited for, and the zero timeout outlives the call.
            Self::Wines(object) => unsafe {
                let status = KeWaitForMultipleObjects(
                    1,
                    ptr::from_ref(object),
                    WAIT_ANY,
                    0,
                    0,
                    0,
                    &0,
                    ptr::null_mut(),
                );
                status == STATUS_SUCCESS
            },
        }
    }

    fn give_back(&self) {
        if let Self::Ours(event) = self {
            event.give_back();
        }
    }
}

/// # Safety
///
/// The documented contract of the function.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "system" fn OwnKeWaitForMultipleObjects(
    count: u32,
    objects: *const *mut c_void,
    kind: i32,
    reason: i32,
    mode: i8,
    alertable: u8,
    timeout: *const i64,
    blocks: *mut c_void,
) -> i32 {
    // SAFETY: by the documented contract there are `count` objects.
    let all = unsafe { slice::from_raw_parts(objects, count as usize) };
    // SAFETY: by the documented contract each object can be waited for, and outlives the wait.
    let waited = |object: &*mut c_void| unsafe { Waited::new(*object) };
    let is_wines = |object: &*mut c_void| matches!(waited(object), Waited::Wines(_));
    if all.iter().all(is_wines) {
        // SAFETY: the caller passes on the documented contract of the same function.
        return unsafe {
            KeWaitForMultipleObjects(
                count, objects, kind, reason, mode, alertable, timeout, blocks,
            )
        };
    }
    // SAFETY: by the documented contract `timeout` is null or readable.
    let end = unsafe { timeout.as_ref() }.copied().map(deadline);
    let mixed = all.iter().any(is_wines);
    WAITERS.fetch_add(1, Ordering::SeqCst);
    let status = loop {
        let seen = CHANGES.load(Ordering::Acquire);
        fence(Ordering::SeqCst);
        let over = match kind {
            WAIT_ANY => all.iter().position(|object| waited(object).take()),
            _ => take_all(all.iter().map(waited)).then_some(0),
        };
        if let Some(index) = over {
            break STATUS_SUCCESS + i32::try_from(index).unwrap_or_default();
        }
        if end.is_some_and(|end| end <= now()) {
            break STATUS_TIMEOUT;
        }
        sleep(seen, end, mixed);
    };
    WAITERS.fetch_sub(1, Ordering::SeqCst);
    status
}

/// Consumes the signals of all objects, or of none.
fn take_all<'a>(all: impl Iterator<Item = Waited<'a>> + Clone) -> bool {
    let Some(missing) = all.clone().position(|object| !object.take()) else {
        return true;
    };
    all.take(missing).for_each(|object| object.give_back());
    false
}

/// Waits until an event is set, or the time is up.
fn sleep(seen: u64, end: Option<i64>, mixed: bool) {
    let soon = mixed.then(|| now() + PERIOD);
    let until = match (end, soon) {
        (Some(end), Some(soon)) => Some(end.min(soon)),
        (end, soon) => end.or(soon),
    };
    // SAFETY: both words and the time outlive the call.
    unsafe {
        RtlWaitOnAddress(
            (&raw const CHANGES).cast(),
            (&raw const seen).cast(),
            size_of::<u64>(),
            until.as_ref().map_or(ptr::null(), |until| until),
        )
    };
}
