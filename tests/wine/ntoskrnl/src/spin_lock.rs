// SPDX-License-Identifier: MIT OR Apache-2.0

//! Spin locks: a word that is 1 while someone holds it, at `DISPATCH_LEVEL`.
//!
//! # Limits
//!
//! Those who wait get the lock in any order, from a queued one, too.

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
/// `lock` is a spin lock that stays while it is borrowed.
unsafe fn word<'a>(lock: *mut usize) -> &'a AtomicUsize {
    // SAFETY: the caller's promise; it is as aligned as a word is.
    unsafe { AtomicUsize::from_ptr(lock) }
}

fn acquire(lock: &AtomicUsize) {
    while lock.swap(1, Ordering::Acquire) != 0 {
        // Whoever holds it may not be running.
        // SAFETY: callable at any time.
        unsafe { NtYieldExecution() };
    }
}

/// # Safety
///
/// The documented contract, as for all of these.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "system" fn KeAcquireSpinLockRaiseToDpc(lock: *mut usize) -> u8 {
    let old = irql::set(DISPATCH_LEVEL);
    // SAFETY: the caller's promise.
    acquire(unsafe { word(lock) });
    old
}

/// # Safety
///
/// The documented contract, as for all of these.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "system" fn KeReleaseSpinLock(lock: *mut usize, irql: u8) {
    // SAFETY: the caller's promise.
    unsafe { word(lock) }.store(0, Ordering::Release);
    irql::set(irql);
}

/// # Safety
///
/// The documented contract, as for all of these.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "system" fn KeAcquireSpinLockAtDpcLevel(lock: *mut usize) {
    // SAFETY: the caller's promise.
    acquire(unsafe { word(lock) });
}

/// # Safety
///
/// The documented contract, as for all of these.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "system" fn KeTryToAcquireSpinLockAtDpcLevel(lock: *mut usize) -> u8 {
    // SAFETY: the caller's promise.
    u8::from(unsafe { word(lock) }.swap(1, Ordering::Acquire) == 0)
}

/// # Safety
///
/// The documented contract, as for all of these.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "system" fn KeReleaseSpinLockFromDpcLevel(lock: *mut usize) {
    // SAFETY: the caller's promise.
    unsafe { word(lock) }.store(0, Ordering::Release);
}

/// # Safety
///
/// The documented contract, as for all of these.
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
    // SAFETY: the caller's promise.
    acquire(unsafe { word(lock) });
    // SAFETY: the caller's promise.
    unsafe { place.write(taken) };
}

/// # Safety
///
/// The documented contract, as for all of these.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "system" fn KeReleaseInStackQueuedSpinLock(place: *const Place) {
    // SAFETY: the caller's promise.
    let Place { lock, old_irql, .. } = *unsafe { &*place };
    // SAFETY: as above.
    unsafe { word(lock) }.store(0, Ordering::Release);
    irql::set(old_irql);
}

/// # Safety
///
/// The documented contract, as for all of these.
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
    // SAFETY: the caller's promise.
    acquire(unsafe { word(lock) });
    // SAFETY: the caller's promise.
    unsafe { place.write(taken) };
}

/// # Safety
///
/// The documented contract, as for all of these.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "system" fn KeReleaseInStackQueuedSpinLockFromDpcLevel(
    place: *const Place,
) {
    // SAFETY: the caller's promise.
    let lock = unsafe { (*place).lock };
    // SAFETY: as above.
    unsafe { word(lock) }.store(0, Ordering::Release);
}
