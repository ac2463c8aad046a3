// SPDX-License-Identifier: MIT OR Apache-2.0

//! The time.

use crate::original::{QueryInterruptTime, QueryPerformanceCounter, QueryPerformanceFrequency};

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

/// # Safety
///
/// None is needed.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "system" fn KeQueryInterruptTime() -> u64 {
    let mut time = 0;
    // SAFETY: the place may be written.
    unsafe { QueryInterruptTime(&raw mut time) };
    time
}
