// SPDX-License-Identifier: MIT OR Apache-2.0

//! Push locks: a word with who holds it, one exclusively or any number.
//!
//! # Limits
//!
//! Those who wait get the lock in any order, and it is not checked that they are
//! in a critical region.

use core::ptr;
use core::sync::atomic::{AtomicUsize, Ordering};

use crate::original::{RtlWaitOnAddress, RtlWakeAddressAll};

const FREE: usize = 0;
const EXCLUSIVE: usize = 1;
/// One of those who share it.
const SHARER: usize = 2;

/// # Safety
///
/// `lock` is a push lock that stays while it is borrowed.
unsafe fn word<'a>(lock: *mut usize) -> &'a AtomicUsize {
    // SAFETY: the caller's promise; it is as aligned as a word is.
    unsafe { AtomicUsize::from_ptr(lock) }
}

fn exclusively(word: usize) -> Option<usize> {
    (word == FREE).then_some(EXCLUSIVE)
}

fn shared(word: usize) -> Option<usize> {
    (word != EXCLUSIVE).then(|| word + SHARER)
}

fn try_to(take: impl Fn(usize) -> Option<usize>, word: &AtomicUsize) -> Result<usize, usize> {
    word.fetch_update(Ordering::Acquire, Ordering::Relaxed, take)
}

fn acquire(take: impl Fn(usize) -> Option<usize>, word: &AtomicUsize) {
    while let Err(seen) = try_to(&take, word) {
        // SAFETY: both words are readable for the call.
        unsafe {
            RtlWaitOnAddress(
                word.as_ptr().cast(),
                (&raw const seen).cast(),
                size_of::<usize>(),
                ptr::null(),
            )
        };
    }
}

/// By whoever has it, in either way.
fn release(word: &AtomicUsize) {
    let address = word.as_ptr();
    let less = |word| {
        Some(if word == EXCLUSIVE {
            FREE
        } else {
            word - SHARER
        })
    };
    // It always has something to give back; the lock may be gone right after.
    let _ = word.fetch_update(Ordering::Release, Ordering::Relaxed, less);
    // SAFETY: the address names who waits; nothing is read there.
    unsafe { RtlWakeAddressAll(address.cast()) };
}

/// # Safety
///
/// The documented contract, as for all of these.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "system" fn ExInitializePushLock(lock: *mut usize) {
    // SAFETY: the caller's promise.
    unsafe { lock.write(FREE) };
}

/// # Safety
///
/// The documented contract, as for all of these.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "system" fn ExAcquirePushLockExclusiveEx(lock: *mut usize, _: u32) {
    // SAFETY: the caller's promise.
    acquire(exclusively, unsafe { word(lock) });
}

/// # Safety
///
/// The documented contract, as for all of these.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "system" fn ExAcquirePushLockSharedEx(lock: *mut usize, _: u32) {
    // SAFETY: the caller's promise.
    acquire(shared, unsafe { word(lock) });
}

/// # Safety
///
/// The documented contract, as for all of these.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "system" fn ExTryAcquirePushLockExclusiveEx(
    lock: *mut usize,
    _: u32,
) -> u8 {
    // SAFETY: the caller's promise.
    u8::from(try_to(exclusively, unsafe { word(lock) }).is_ok())
}

/// # Safety
///
/// The documented contract, as for all of these.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "system" fn ExTryAcquirePushLockSharedEx(lock: *mut usize, _: u32) -> u8 {
    // SAFETY: the caller's promise.
    u8::from(try_to(shared, unsafe { word(lock) }).is_ok())
}

/// # Safety
///
/// The documented contract, as for all of these.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "system" fn ExReleasePushLockExclusiveEx(lock: *mut usize, _: u32) {
    // SAFETY: the caller's promise.
    release(unsafe { word(lock) });
}

/// # Safety
///
/// The documented contract, as for all of these.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "system" fn ExReleasePushLockSharedEx(lock: *mut usize, _: u32) {
    // SAFETY: the caller's promise.
    release(unsafe { word(lock) });
}

/// # Safety
///
/// The documented contract, as for all of these.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "system" fn ExReleasePushLockEx(lock: *mut usize, _: u32) {
    // SAFETY: the caller's promise.
    release(unsafe { word(lock) });
}
