// SPDX-License-Identifier: MIT OR Apache-2.0

//! Run-down protection: a word with twice the number of references, and a bit that is set
//! when no reference can be acquired any more.

use core::ptr;
use core::sync::atomic::{AtomicUsize, Ordering};

use crate::original::{RtlWaitOnAddress, RtlWakeAddressAll};

const OVER: usize = 1;
const HOLDER: usize = 2;

/// # Safety
///
/// `word` is an `EX_RUNDOWN_REF` that outlives the borrow.
unsafe fn word<'a>(word: *mut usize) -> &'a AtomicUsize {
    // SAFETY: by the documented contract this is an initialised `EX_RUNDOWN_REF` that outlives the call; it is aligned as a word.
    unsafe { AtomicUsize::from_ptr(word) }
}

/// # Safety
///
/// The documented contract of the function.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "system" fn ExInitializeRundownProtection(reference: *mut usize) {
    // SAFETY: by the documented contract this is an initialised `EX_RUNDOWN_REF` that outlives the call.
    unsafe { word(reference) }.store(0, Ordering::Release);
}

/// # Safety
///
/// The documented contract of the function.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "system" fn ExReInitializeRundownProtection(reference: *mut usize) {
    // SAFETY: by the documented contract this is an initialised `EX_RUNDOWN_REF` that outlives the call.
    unsafe { word(reference) }.store(0, Ordering::Release);
}

/// # Safety
///
/// The documented contract of the function.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "system" fn ExAcquireRundownProtection(reference: *mut usize) -> u8 {
    let more = |value: usize| (value & OVER == 0).then(|| value + HOLDER);
    // SAFETY: by the documented contract this is an initialised `EX_RUNDOWN_REF` that outlives the call.
    let word = unsafe { word(reference) };
    u8::from(
        word.fetch_update(Ordering::Acquire, Ordering::Relaxed, more)
            .is_ok(),
    )
}

/// # Safety
///
/// The documented contract of the function.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "system" fn ExReleaseRundownProtection(reference: *mut usize) {
    // SAFETY: by the documented contract this is an initialised `EX_RUNDOWN_REF` that outlives the call.
    let left = unsafe { word(reference) }.fetch_sub(HOLDER, Ordering::Release);
    if left == HOLDER | OVER {
        // SAFETY: the address only identifies the waiters; it is not accessed.
        unsafe { RtlWakeAddressAll(reference.cast()) };
    }
}

/// # Safety
///
/// The documented contract of the function.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "system" fn ExRundownCompleted(reference: *mut usize) {
    // SAFETY: by the documented contract this is an initialised `EX_RUNDOWN_REF` that outlives the call.
    unsafe { word(reference) }.store(OVER, Ordering::Release);
}

/// # Safety
///
/// The documented contract of the function.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "system" fn ExWaitForRundownProtectionRelease(reference: *mut usize) {
    // SAFETY: by the documented contract this is an initialised `EX_RUNDOWN_REF` that outlives the call.
    let word = unsafe { word(reference) };
    word.fetch_or(OVER, Ordering::Relaxed);
    loop {
        let seen = word.load(Ordering::Acquire);
        if seen == OVER {
            return;
        }
        // SAFETY: both words outlive the call.
        unsafe {
            RtlWaitOnAddress(
                reference.cast(),
                (&raw const seen).cast(),
                size_of::<usize>(),
                ptr::null(),
            )
        };
    }
}
