// SPDX-License-Identifier: MIT OR Apache-2.0

//! The time.

use core::sync::atomic::{AtomicU32, Ordering};

use crate::original::{QueryPerformanceCounter, QueryPerformanceFrequency};

/// # Safety
///
/// `frequency` is null or may be written.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "system" fn KeQueryPerformanceCounter(frequency: *mut i64) -> i64 {
    let mut count = 0;
    // SAFETY: the place may be written.
    unsafe { QueryPerformanceCounter(&raw mut count) };
    if !frequency.is_null() {
        // SAFETY: the caller's promise.
        unsafe { QueryPerformanceFrequency(frequency) };
    }
    count
}

/// `KSYSTEM_TIME`, as each process sees that of interrupts.
#[repr(C)]
struct Time {
    low: AtomicU32,
    high: AtomicU32,
    /// Written before `low`, and `high` after it.
    high_too: AtomicU32,
}

/// # Safety
///
/// None is needed.
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
