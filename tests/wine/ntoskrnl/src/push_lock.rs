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
/// One shared holder.
const SHARER: usize = 2;

/// # Safety
///
/// `lock` is a push lock that outlives the borrow.
unsafe fn word<'a>(lock: *mut usize) -> &'a AtomicUsize {
    // SAFETY: by the contract of this function it is a push lock that outlives the borrow; it is
    // aligned as a word.
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
        // SAFETY: both words outlive the call.
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

/// Releases the lock, held exclusively or shared.
fn release(word: &AtomicUsize) {
    let address = word.as_ptr();
    let less = |word| {
        Some(if word == EXCLUSIVE {
            FREE
        } else {
            word - SHARER
        })
    };
    // Always succeeds: the closure returns a value. The lock may be freed right after.
    let _ = word.fetch_update(Ordering::Release, Ordering::Relaxed, less);
    // SAFETY: the address only identifies the waiters; it is not accessed.
    unsafe { RtlWakeAddressAll(address.cast()) };
}

/// # Safety
///
/// The documented contract of the function.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "system" fn ExInitializePushLock(lock: *mut usize) {
    // SAFETY: by the documented contract `lock` is the memory of a push lock.
    unsafe { lock.write(FREE) };
}

/// # Safety
///
/// The documented contract of the function.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "system" fn ExAcquirePushLockExclusiveEx(lock: *mut usize, _: u32) {
    // SAFETY: by the documented contract it is an initialised push lock that outlives the call.
    acquire(exclusively, unsafe { word(lock) });
}

/// # Safety
///
/// The documented contract of the function.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "system" fn ExAcquirePushLockSharedEx(lock: *mut usize, _: u32) {
    // SAFETY: by the documented contract it is an initialised push lock that outlives the call.
    acquire(shared, unsafe { word(lock) });
}

/// # Safety
///
/// The documented contract of the function.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "system" fn ExTryAcquirePushLockExclusiveEx(
    lock: *mut usize,
    _: u32,
) -> u8 {
    // SAFETY: by the documented contract it is an initialised push lock that outlives the call.
    u8::from(try_to(exclusively, unsafe { word(lock) }).is_ok())
}

/// # Safety
///
/// The documented contract of the function.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "system" fn ExTryAcquirePushLockSharedEx(lock: *mut usize, _: u32) -> u8 {
    // SAFETY: by the documented contract it is an initialised push lock that outlives the call.
    u8::from(try_to(shared, unsafe { word(lock) }).is_ok())
}

/// # Safety
///
/// The documented contract of the function.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "system" fn ExReleasePushLockExclusiveEx(lock: *mut usize, _: u32) {
    // SAFETY: by the documented contract it is an initialised push lock that outlives the call.
    release(unsafe { word(lock) });
}

/// # Safety
///
/// The documented contract of the function.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "system" fn ExReleasePushLockSharedEx(lock: *mut usize, _: u32) {
    // SAFETY: by the documented contract it is an initialised push lock that outlives the call.
    release(unsafe { word(lock) });
}

/// # Safety
///
/// The documented contract of the function.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "system" fn ExReleasePushLockEx(lock: *mut usize, _: u32) {
    // SAFETY: by the documented contract it is an initialised push lock that outlives the call.
    release(unsafe { word(lock) });
}
