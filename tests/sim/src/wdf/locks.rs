// SPDX-License-Identifier: MIT OR Apache-2.0

//! Spin locks and wait locks of the framework.

use kmdf::abi::WDF_OBJECT_ATTRIBUTES;
use windows_sys::Win32::Foundation::{STATUS_SUCCESS, STATUS_TIMEOUT};

use super::objects::{self, Kind};
use crate::exports::execution::{levels, time};
use crate::exports::exports;
use crate::findings::stop;
use crate::hardware::irql::{self, APC_LEVEL, DISPATCH_LEVEL, PASSIVE_LEVEL};
use crate::kernel::with;
use crate::scheduling::{Waitable, block};
use crate::verifier::locks::{self, LockKind, Mode};

exports! {
    of "wdf01000.sys":
    "WdfSpinLockCreate" <= DISPATCH_LEVEL => create_spin_lock: i32;
    "WdfSpinLockAcquire" <= DISPATCH_LEVEL => acquire_spin_lock: ();
    "WdfSpinLockRelease" <= DISPATCH_LEVEL => release_spin_lock: ();
    "WdfWaitLockCreate" <= DISPATCH_LEVEL => create_wait_lock: i32;
    "WdfWaitLockAcquire" <= APC_LEVEL => acquire_wait_lock: i32;
    "WdfWaitLockRelease" <= APC_LEVEL => release_wait_lock: ();
}

unsafe extern "win64" fn create_spin_lock(
    globals: usize,
    attributes: *const WDF_OBJECT_ATTRIBUTES,
    lock: *mut usize,
) -> i32 {
    // SAFETY: this passes on the driver's own arguments, under the same documented
    // contract.
    unsafe { objects::create_for(globals, Kind::SpinLock, attributes, lock) }
}

unsafe extern "win64" fn create_wait_lock(
    globals: usize,
    attributes: *const WDF_OBJECT_ATTRIBUTES,
    lock: *mut usize,
) -> i32 {
    // SAFETY: this passes on the driver's own arguments, under the same documented
    // contract.
    unsafe { objects::create_for(globals, Kind::WaitLock, attributes, lock) }
}

unsafe extern "win64" fn acquire_spin_lock(_globals: usize, handle: usize) {
    let at = objects::find(handle, Kind::SpinLock);
    let old = levels::current();
    levels::set(DISPATCH_LEVEL);
    locks::acquire(at, LockKind::Spin, Mode::Exclusive);
    with(|state| state.wdf.spin_locks.insert(at, old));
}

unsafe extern "win64" fn release_spin_lock(_globals: usize, handle: usize) {
    let at = objects::find(handle, Kind::SpinLock);
    locks::release(at, LockKind::Spin);
    let old = with(|state| state.wdf.spin_locks.remove(&at));
    levels::lower(old.unwrap_or(PASSIVE_LEVEL));
}

unsafe extern "win64" fn acquire_wait_lock(
    _globals: usize,
    handle: usize,
    timeout: *const i64,
) -> i32 {
    let at = objects::find(handle, Kind::WaitLock);
    // SAFETY: it is null or readable, as documented.
    let timeout = unsafe { timeout.as_ref() }.copied();
    let level = levels::current();
    if level > PASSIVE_LEVEL && timeout != Some(0) {
        let now = irql::name(level);
        let what = format!("WdfWaitLockAcquire was called at {now} and may wait");
        stop(("0xA", [0, usize::from(level), 0, 0]), what);
    }
    let until = timeout.map(|it| with(|state| state.scheduling.now()) + time::until(it));
    // SAFETY: there is no condition; the region is left below or by the release.
    unsafe { levels::enter_region() };
    match until {
        None => locks::acquire(at, LockKind::WaitLock, Mode::Exclusive),
        Some(until) => {
            while !locks::try_acquire(at, LockKind::WaitLock, Mode::Exclusive) {
                if with(|state| state.scheduling.now()) >= until {
                    // SAFETY: it was entered above.
                    unsafe { levels::leave_region() };
                    return STATUS_TIMEOUT;
                }
                block(Waitable::Object(at), Some(until));
            }
        }
    }
    STATUS_SUCCESS
}

unsafe extern "win64" fn release_wait_lock(_globals: usize, handle: usize) {
    let at = objects::find(handle, Kind::WaitLock);
    locks::release(at, LockKind::WaitLock);
    // SAFETY: the acquisition has entered it.
    unsafe { levels::leave_region() };
}
