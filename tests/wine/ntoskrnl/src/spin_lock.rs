// SPDX-License-Identifier: MIT OR Apache-2.0

//! Spin locks: a word that is 1 while a thread holds the lock, at `DISPATCH_LEVEL`.
//!
//! # Limits
//!
//! Waiters acquire the lock in any order, even a queued one.

use core::sync::atomic::{AtomicUsize, Ordering};

use crate::irql::{self, DISPATCH_LEVEL};
use crate::original::NtYieldExecution;

/// A `KLOCK_QUEUE_HANDLE`.
#[repr(C)]
pub(crate) struct Place {
    next: usize,
    lock: *mut usize,
    old_irql: u8,
}

/// # Safety
///
/// `lock` is a spin lock that outlives the borrow.
unsafe fn word<'a>(lock: *mut usize) -> &'a AtomicUsize {
    // SAFETY: by the documented contract the lock is an initialised spin lock that outlives the call; it is aligned as a word.
    unsafe { AtomicUsize::from_ptr(lock) }
}

fn acquire(lock: &AtomicUsize) {
    while lock.swap(1, Ordering::Acquire) != 0 {
        // The holder may have been preempted.
        // SAFETY: the function has no precondition.
        unsafe { NtYieldExecution() };
    }
}

/// # Safety
///
/// The documented contract of the function.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "system" fn KeAcquireSpinLockRaiseToDpc(lock: *mut usize) -> u8 {
    let old = irql::set(DISPATCH_LEVEL);
    // SAFETY: by the documented contract the lock is an initialised spin lock that outlives the call.
    acquire(unsafe { word(lock) });
    old
}

/// # Safety
///
/// The documented contract of the function.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "system" fn KeReleaseSpinLock(lock: *mut usize, irql: u8) {
    // SAFETY: by the documented contract the lock is an initialised spin lock that outlives the call.
    unsafe { word(lock) }.store(0, Ordering::Release);
    irql::set(irql);
}

/// # Safety
///
/// The documented contract of the function.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "system" fn KeAcquireSpinLockAtDpcLevel(lock: *mut usize) {
    // SAFETY: by the documented contract the lock is an initialised spin lock that outlives the call.
    acquire(unsafe { word(lock) });
}

/// # Safety
///
/// The documented contract of the function.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "system" fn KeTryToAcquireSpinLockAtDpcLevel(lock: *mut usize) -> u8 {
    // SAFETY: by the documented contract the lock is an initialised spin lock that outlives the call.
    u8::from(unsafe { word(lock) }.swap(1, Ordering::Acquire) == 0)
}

/// # Safety
///
/// The documented contract of the function.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "system" fn KeReleaseSpinLockFromDpcLevel(lock: *mut usize) {
    // SAFETY: by the documented contract the lock is an initialised spin lock that outlives the call.
    unsafe { word(lock) }.store(0, Ordering::Release);
}

/// # Safety
///
/// The documented contract of the function.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "system" fn KeAcquireInStackQueuedSpinLock(
    lock: *mut usize,
    place: *mut Place,
) {
    let taken = Place {
        next: 0,
        lock,
        old_irql: irql::set(DISPATCH_LEVEL),
    };
    // SAFETY: by the documented contract the lock is an initialised spin lock that outlives the call.
    acquire(unsafe { word(lock) });
    // SAFETY: by the documented contract the lock is an initialised spin lock that outlives the call.
    unsafe { place.write(taken) };
}

/// # Safety
///
/// The documented contract of the function.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "system" fn KeReleaseInStackQueuedSpinLock(place: *const Place) {
    // SAFETY: by the documented contract the lock is an initialised spin lock that outlives the call.
    let Place { lock, old_irql, .. } = *unsafe { &*place };
    // SAFETY: by the documented contract the queue handle is that of an acquired lock.
    unsafe { word(lock) }.store(0, Ordering::Release);
    irql::set(old_irql);
}

/// # Safety
///
/// The documented contract of the function.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "system" fn KeAcquireInStackQueuedSpinLockAtDpcLevel(
    lock: *mut usize,
    place: *mut Place,
) {
    let taken = Place {
        next: 0,
        lock,
        old_irql: DISPATCH_LEVEL,
    };
    // SAFETY: by the documented contract the lock is an initialised spin lock that outlives the call.
    acquire(unsafe { word(lock) });
    // SAFETY: by the documented contract the lock is an initialised spin lock that outlives the call.
    unsafe { place.write(taken) };
}

/// # Safety
///
/// The documented contract of the function.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "system" fn KeReleaseInStackQueuedSpinLockFromDpcLevel(
    place: *const Place,
) {
    // SAFETY: by the documented contract the lock is an initialised spin lock that outlives the call.
    let lock = unsafe { (*place).lock };
    // SAFETY: by the documented contract the queue handle is that of an acquired lock.
    unsafe { word(lock) }.store(0, Ordering::Release);
}
