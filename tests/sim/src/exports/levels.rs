// SPDX-License-Identifier: MIT OR Apache-2.0

//! IRQLs and spin locks.
//!
//! A thread at `DISPATCH_LEVEL` is not preempted, so a spin lock that is held is
//! held by the caller itself or by one who lowered its IRQL too early.

use super::exports;
use crate::findings::stop;
use crate::irql::{self, DISPATCH_LEVEL, HIGH_LEVEL, Irql};
use crate::kernel::with;

exports! {
    "KeGetCurrentIrql" <= HIGH_LEVEL => ke_get_current_irql: Irql;
    "KfRaiseIrql" <= HIGH_LEVEL => kf_raise_irql: Irql;
    "KeRaiseIrqlToDpcLevel" <= HIGH_LEVEL => ke_raise_irql_to_dpc_level: Irql;
    "KfLowerIrql" <= HIGH_LEVEL => ke_lower_irql: ();
    "KeLowerIrql" <= HIGH_LEVEL => ke_lower_irql: ();
    "KeInitializeSpinLock" <= HIGH_LEVEL => ke_initialize_spin_lock: ();
    "KeAcquireSpinLockRaiseToDpc" <= DISPATCH_LEVEL => ke_acquire_spin_lock_raise_to_dpc: Irql;
    "KeReleaseSpinLock" <= DISPATCH_LEVEL => ke_release_spin_lock: ();
    "KeAcquireSpinLockAtDpcLevel" <= HIGH_LEVEL => ke_acquire_spin_lock_at_dpc_level: ();
    "KeReleaseSpinLockFromDpcLevel" <= HIGH_LEVEL => ke_release_spin_lock_from_dpc_level: ();
}

fn current() -> Irql {
    with(|state| state.scheduler.current().irql)
}

fn set(irql: Irql) {
    with(|state| state.scheduler.current_mut().irql = irql);
}

unsafe extern "win64" fn ke_get_current_irql() -> Irql {
    current()
}

unsafe extern "win64" fn kf_raise_irql(new: Irql) -> Irql {
    let old = current();
    if new < old {
        let (new, old) = (irql::name(new), irql::name(old));
        stop(
            "0x9",
            format!("the IRQL was raised from {old} to {new}, which is lower"),
        );
    }
    set(new);
    old
}

unsafe extern "win64" fn ke_raise_irql_to_dpc_level() -> Irql {
    // SAFETY: any IRQL may be asked for.
    unsafe { kf_raise_irql(DISPATCH_LEVEL) }
}

unsafe extern "win64" fn ke_lower_irql(new: Irql) {
    let old = current();
    if new > old {
        let (new, old) = (irql::name(new), irql::name(old));
        stop(
            "0xA",
            format!("the IRQL was lowered from {old} to {new}, which is higher"),
        );
    }
    set(new);
}

/// A `KSPIN_LOCK`: 0, or the number of the thread that holds it plus 1.
type SpinLock = usize;

unsafe extern "win64" fn ke_initialize_spin_lock(lock: *mut SpinLock) {
    // SAFETY: the lock is resident and writable, says the contract.
    unsafe { lock.write(0) };
}

unsafe extern "win64" fn ke_acquire_spin_lock_raise_to_dpc(lock: *mut SpinLock) -> Irql {
    let old = current();
    set(DISPATCH_LEVEL);
    acquire(lock);
    old
}

unsafe extern "win64" fn ke_release_spin_lock(lock: *mut SpinLock, old: Irql) {
    require_dispatch("KeReleaseSpinLock");
    release(lock);
    // SAFETY: any IRQL may be asked for.
    unsafe { ke_lower_irql(old) };
}

unsafe extern "win64" fn ke_acquire_spin_lock_at_dpc_level(lock: *mut SpinLock) {
    require_dispatch("KeAcquireSpinLockAtDpcLevel");
    acquire(lock);
}

unsafe extern "win64" fn ke_release_spin_lock_from_dpc_level(lock: *mut SpinLock) {
    require_dispatch("KeReleaseSpinLockFromDpcLevel");
    release(lock);
}

fn require_dispatch(function: &str) {
    let level = current();
    if level < DISPATCH_LEVEL {
        stop(
            "0xC4",
            format!("{function} was called at {}", irql::name(level)),
        );
    }
}

fn me() -> SpinLock {
    with(|state| state.scheduler.current_id().0 + 1)
}

fn acquire(lock: *mut SpinLock) {
    // SAFETY: the lock is resident and writable, says the contract.
    let lock = unsafe { &mut *lock };
    match *lock {
        0 => *lock = me(),
        holder if holder == me() => {
            stop(
                "0xC4",
                "a spin lock was acquired by the thread that holds it".to_owned(),
            );
        }
        _ => {
            let what = "a spin lock is held by a thread that does not run: it lowered its IRQL";
            stop("0xC4", what.to_owned());
        }
    }
}

fn release(lock: *mut SpinLock) {
    // SAFETY: as in `acquire`.
    let lock = unsafe { &mut *lock };
    if *lock != me() {
        stop(
            "0x10",
            "a spin lock was released by a thread that does not hold it".to_owned(),
        );
    }
    *lock = 0;
}
