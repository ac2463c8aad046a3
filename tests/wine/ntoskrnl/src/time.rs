// SPDX-License-Identifier: MIT OR Apache-2.0

//! Performance counter and interrupt time.

use core::sync::atomic::{AtomicU32, Ordering};

use crate::original::{QueryPerformanceCounter, QueryPerformanceFrequency};

/// # Safety
///
/// `frequency` is null or writable.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "system" fn KeQueryPerformanceCounter(frequency: *mut i64) -> i64 {
    let mut count = 0;
    // SAFETY: the local variable is writable.
    unsafe { QueryPerformanceCounter(&raw mut count) };
    if !frequency.is_null() {
        // SAFETY: by the contract of this function a `frequency` that is not null is writable.
        unsafe { QueryPerformanceFrequency(frequency) };
    }
    count
}

/// `KSYSTEM_TIME`, in the page that each process shares with the kernel.
#[repr(C)]
struct Time {
    low: AtomicU32,
    high: AtomicU32,
    /// Written before `low`, and `high` after it.
    high_too: AtomicU32,
}

/// # Safety
///
/// No precondition; `unsafe` is the signature of the export.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "system" fn KeQueryInterruptTime() -> u64 {
    /// `KUSER_SHARED_DATA::InterruptTime`.
    const TIME: *const Time = core::ptr::without_provenance(0x7FFE_0008);
    // SAFETY: the page is mapped there in every process.
    let time = unsafe { &*TIME };
    loop {
        let high = time.high.load(Ordering::Acquire);
        let low = time.low.load(Ordering::Acquire);
        if time.high_too.load(Ordering::Acquire) == high {
            return u64::from(high) << 32 | u64::from(low);
        }
    }
}

/// The machine never sleeps, so that there is no bias.
///
/// # Safety
///
/// No precondition; `unsafe` is the signature of the export.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "system" fn KeQueryUnbiasedInterruptTime() -> u64 {
    // SAFETY: it has no precondition.
    unsafe { KeQueryInterruptTime() }
}
