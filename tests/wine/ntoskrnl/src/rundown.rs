// SPDX-License-Identifier: MIT OR Apache-2.0

//! Run-down protection: a word with the number of holders, twice, and a bit
//! that is set once nobody may get it any more.

use core::sync::atomic::{AtomicUsize, Ordering};

use crate::original::Sleep;

const OVER: usize = 1;
const HOLDER: usize = 2;

/// # Safety
///
/// `word` is an `EX_RUNDOWN_REF` that stays while it is borrowed.
unsafe fn word<'a>(word: *mut usize) -> &'a AtomicUsize {
    // SAFETY: the caller's promise; it is as aligned as a word is.
    unsafe { AtomicUsize::from_ptr(word) }
}

/// # Safety
///
/// The documented contract, as for all of these.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "system" fn ExInitializeRundownProtection(reference: *mut usize) {
    // SAFETY: the caller's promise.
    unsafe { word(reference) }.store(0, Ordering::Release);
}

/// # Safety
///
/// The documented contract, as for all of these.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "system" fn ExReInitializeRundownProtection(reference: *mut usize) {
    // SAFETY: the caller's promise.
    unsafe { word(reference) }.store(0, Ordering::Release);
}

/// # Safety
///
/// The documented contract, as for all of these.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "system" fn ExAcquireRundownProtection(reference: *mut usize) -> u8 {
    let more = |value: usize| (value & OVER == 0).then(|| value + HOLDER);
    // SAFETY: the caller's promise.
    let word = unsafe { word(reference) };
    u8::from(
        word.fetch_update(Ordering::Acquire, Ordering::Relaxed, more)
            .is_ok(),
    )
}

/// # Safety
///
/// The documented contract, as for all of these.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "system" fn ExReleaseRundownProtection(reference: *mut usize) {
    // SAFETY: the caller's promise.
    unsafe { word(reference) }.fetch_sub(HOLDER, Ordering::Release);
}

/// # Safety
///
/// The documented contract, as for all of these.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "system" fn ExRundownCompleted(reference: *mut usize) {
    // SAFETY: the caller's promise.
    unsafe { word(reference) }.store(OVER, Ordering::Release);
}

/// # Safety
///
/// The documented contract, as for all of these.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "system" fn ExWaitForRundownProtectionRelease(reference: *mut usize) {
    // SAFETY: the caller's promise.
    let word = unsafe { word(reference) };
    word.fetch_or(OVER, Ordering::Relaxed);
    while word.load(Ordering::Acquire) != OVER {
        // SAFETY: callable at any time.
        unsafe { Sleep(1) };
    }
}
