// SPDX-License-Identifier: MIT OR Apache-2.0

//! Time, all of it virtual.

use crate::exports::exports;
use crate::findings::stop;
use crate::hardware::irql::{APC_LEVEL, HIGH_LEVEL};
use crate::kernel::with;
use crate::scheduling::{MICROSECOND, point, sleep};

exports! {
    "KeDelayExecutionThread" <= APC_LEVEL => ke_delay_execution_thread: i32;
    "KeQueryPerformanceCounter" <= HIGH_LEVEL => ke_query_performance_counter: i64;
    "KeQueryInterruptTime" <= HIGH_LEVEL => ke_query_interrupt_time: u64;
    "KeQueryUnbiasedInterruptTime" <= HIGH_LEVEL => ke_query_interrupt_time: u64;
    "KeQueryInterruptTimePrecise" <= HIGH_LEVEL => ke_query_interrupt_time_precise: u64;
    "KeQuerySystemTimePrecise" <= HIGH_LEVEL => ke_query_system_time_precise: ();
    "KeQueryTimeIncrement" <= HIGH_LEVEL => ke_query_time_increment: u32;
    "KeStallExecutionProcessor" <= HIGH_LEVEL => ke_stall_execution_processor: ();
}

/// What the clock showed when the simulated machine started: noon of
/// 1 January 2026.
pub(crate) const START: u64 = 134_117_424_000_000_000;
/// The performance counter's frequency.
pub(crate) const FREQUENCY: i64 = 10_000_000;
/// The clock's tick, in units of 100 ns.
pub(crate) const INCREMENT: u32 = 156_250;

/// How long it is until a time that a driver gave: relative if negative.
pub(crate) fn until(interval: i64) -> u64 {
    if interval < 0 {
        interval.unsigned_abs()
    } else {
        let now = with(|state| state.scheduling.now()) + START;
        interval.unsigned_abs().saturating_sub(now)
    }
}

unsafe extern "win64" fn ke_delay_execution_thread(
    _mode: i8,
    _alertable: u8,
    interval: *const i64,
) -> i32 {
    // SAFETY: the interval is readable, as documented.
    sleep(until(unsafe { interval.read() }));
    0
}

unsafe extern "win64" fn ke_query_performance_counter(frequency: *mut i64) -> i64 {
    if !frequency.is_null() {
        // SAFETY: it may be written unless it is null, as documented.
        unsafe { frequency.write(FREQUENCY) };
    }
    with(|state| state.scheduling.read_clock()).cast_signed()
}

unsafe extern "win64" fn ke_query_interrupt_time() -> u64 {
    with(|state| state.scheduling.read_clock())
}

unsafe extern "win64" fn ke_query_interrupt_time_precise(counter: *mut u64) -> u64 {
    let now = with(|state| state.scheduling.read_clock());
    // SAFETY: the counter may be written, as documented.
    unsafe { counter.write(now) };
    now
}

unsafe extern "win64" fn ke_query_system_time_precise(time: *mut u64) {
    let now = with(|state| state.scheduling.read_clock()) + START;
    // SAFETY: the time may be written, as documented.
    unsafe { time.write(now) };
}

unsafe extern "win64" fn ke_query_time_increment() -> u32 {
    INCREMENT
}

unsafe extern "win64" fn ke_stall_execution_processor(microseconds: u32) {
    /// "Do not specify a value greater than 50 microseconds."
    const LONGEST: u32 = 50;
    if microseconds > LONGEST {
        stop(
            "0xC4",
            format!("the processor was stalled for {microseconds} microseconds"),
        );
    }
    with(|state| {
        state
            .scheduling
            .pass_time(u64::from(microseconds) * MICROSECOND);
    });
    point();
}
