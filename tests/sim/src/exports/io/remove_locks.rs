// SPDX-License-Identifier: MIT OR Apache-2.0

//! Remove locks: they count the calls that use a device, and let its removal wait for them.

use std::ffi::c_char;

use windows_sys::Win32::Foundation::{STATUS_DELETE_PENDING, STATUS_SUCCESS};

use crate::exports::exports;
use crate::exports::sync::dispatcher::require_resident;
use crate::findings::caller::caller;
use crate::findings::stop;
use crate::hardware::irql::{DISPATCH_LEVEL, PASSIVE_LEVEL};
use crate::io::remove_lock::Acquisition;
use crate::kernel::with;
use crate::scheduling::{Waitable, block};

exports! {
    "IoInitializeRemoveLockEx" <= PASSIVE_LEVEL => initialize: ();
    "IoAcquireRemoveLockEx" <= DISPATCH_LEVEL => acquire: i32;
    "IoReleaseRemoveLockEx" <= DISPATCH_LEVEL => release: ();
    "IoReleaseRemoveLockAndWaitEx" <= PASSIVE_LEVEL => release_and_wait: ();
}

/// `IO_REMOVE_LOCK` of a free build: the count begins with one, which
/// `IoReleaseRemoveLockAndWait` takes away.
#[repr(C)]
struct RemoveLock {
    removed: u8,
    reserved: [u8; 3],
    count: i32,
    event: [usize; 3],
}

const _: () = assert!(size_of::<RemoveLock>() == 0x20);

unsafe extern "win64" fn initialize(
    lock: *mut RemoveLock,
    _tag: u32,
    _max_minutes: u32,
    _high_watermark: u32,
    size: u32,
) {
    if (size as usize) < size_of::<RemoveLock>() {
        let what = format!("a remove lock was initialised with a size of {size} bytes");
        stop("0xC4", what);
    }
    let at = lock.addr();
    require_resident(at);
    if !with(|state| state.io.remove_locks.add(at)) {
        let what = "a remove lock was initialised twice";
        stop(("0xC4", [0xD7, at, at, 0]), what.to_owned());
    }
    let value = RemoveLock {
        removed: 0,
        reserved: [0; 3],
        count: 1,
        event: [0; 3],
    };
    // SAFETY: the lock is resident and writable, as documented.
    unsafe { lock.write(value) };
}

/// Ends the cycle: `lock` was not initialised as a remove lock.
fn not_initialised(verb: &str) -> ! {
    stop(
        "0xC4",
        format!("a remove lock was {verb} that is not initialised"),
    )
}

unsafe extern "win64" fn acquire(
    lock: *mut RemoveLock,
    tag: usize,
    _file: *const c_char,
    _line: u32,
    _size: u32,
) -> i32 {
    let acquired = with(|state| {
        let by = caller(state);
        let acquisition = Acquisition { tag, by };
        state.io.remove_locks.acquire(lock.addr(), acquisition)
    });
    match acquired {
        None => not_initialised("acquired"),
        Some(false) => STATUS_DELETE_PENDING,
        Some(true) => {
            // SAFETY: the lock is resident and writable, as documented.
            unsafe { (*lock).count += 1 };
            STATUS_SUCCESS
        }
    }
}

/// Takes the acquisition with this tag away. `number` is the subcode for a tag that has none.
fn give_back(lock: *mut RemoveLock, tag: usize, number: usize) {
    let at = lock.addr();
    match with(|state| state.io.remove_locks.release(at, tag)) {
        None => not_initialised("released"),
        Some(true) => {}
        Some(false) => {
            let held = with(|state| {
                let held = state.io.remove_locks.acquired(at)?;
                let by = held.by?;
                Some((held.tag, state.loader.drivers.show(by)))
            });
            let what = held.as_ref().map_or_else(
                || "a remove lock was released that is not acquired".to_owned(),
                |(_, by)| {
                    format!(
                        "a remove lock was released with another tag than {by} acquired it with"
                    )
                },
            );
            let previous = held.map_or(0, |(tag, _)| tag);
            stop(("0xC4", [number, at, tag, previous]), what);
        }
    }
    // SAFETY: the lock is resident and writable, as documented.
    unsafe { (*lock).count -= 1 };
}

/// The count of a lock, which other threads change.
fn count(lock: *const RemoveLock) -> i32 {
    // SAFETY: the lock is resident, as documented, until the last call that uses it returns.
    unsafe { (&raw const (*lock).count).read_volatile() }
}

unsafe extern "win64" fn release(lock: *mut RemoveLock, tag: usize, _size: u32) {
    give_back(lock, tag, 0xD5);
    if count(lock) == 0 {
        with(|state| state.scheduling.wake_all(Waitable::Object(lock.addr())));
    }
}

unsafe extern "win64" fn release_and_wait(lock: *mut RemoveLock, tag: usize, _size: u32) {
    give_back(lock, tag, 0xD6);
    with(|state| state.io.remove_locks.remove(lock.addr()));
    // SAFETY: the lock is resident and writable, as documented.
    unsafe {
        (*lock).removed = 1;
        (*lock).count -= 1;
    }
    while count(lock) > 0 {
        block(Waitable::Object(lock.addr()), None);
    }
}
