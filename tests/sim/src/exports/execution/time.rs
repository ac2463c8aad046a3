// SPDX-License-Identifier: MIT OR Apache-2.0

//! Time, all of it virtual.

use crate::analysis::dispatch_time;
use crate::exports::exports;
use crate::findings::stop;
use crate::hardware::irql::{APC_LEVEL, HIGH_LEVEL};
use crate::kernel::with;
use crate::objects::apcs;
use crate::scheduling::system_clock::{PERIOD, Timer};
use crate::scheduling::{MICROSECOND, Waitable, Woken, block_interruptibly, point};

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

/// The performance counter's frequency.
pub(crate) const FREQUENCY: i64 = 10_000_000;
/// The clock's tick, in units of 100 ns.
pub(crate) const INCREMENT: u32 = 156_250;
const _: () = assert!(INCREMENT as u64 == PERIOD);

/// How long it is until a time that a driver gave: relative if negative.
pub(crate) fn until(due: i64) -> u64 {
    with(|state| state.scheduling.wait_until(due, Timer::Interval))
}

/// The time that the current thread reads.
fn read_clock() -> u64 {
    let now = with(|state| state.scheduling.read_clock());
    check_dispatch_time();
    now
}

/// Ends the cycle if the current thread has been at `DISPATCH_LEVEL` for too long.
fn check_dispatch_time() {
    if let Some((code, what)) = with(dispatch_time::exceeded) {
        stop(code, what);
    }
}

unsafe extern "win64" fn ke_delay_execution_thread(
    _mode: i8,
    _alertable: u8,
    interval: *const i64,
) -> i32 {
    // SAFETY: the interval is readable, as documented.
    let due = unsafe { interval.read() };
    let until = with(|state| {
        let time = state.scheduling.wait_until(due, Timer::Delay);
        state.scheduling.now().saturating_add(time)
    });
    while block_interruptibly(Waitable::Nothing, Some(until)) == Woken::Interrupted {
        apcs::deliver();
    }
    0
}

unsafe extern "win64" fn ke_query_performance_counter(frequency: *mut i64) -> i64 {
    if !frequency.is_null() {
        // SAFETY: it may be written unless it is null, as documented.
        unsafe { frequency.write(FREQUENCY) };
    }
    read_clock().cast_signed()
}

/// "Based on the latest tick of the system clock timer."
unsafe extern "win64" fn ke_query_interrupt_time() -> u64 {
    let now = read_clock();
    with(|state| state.scheduling.last_update(now))
}

unsafe extern "win64" fn ke_query_interrupt_time_precise(counter: *mut u64) -> u64 {
    let now = read_clock();
    // SAFETY: the counter may be written, as documented.
    unsafe { counter.write(now) };
    now
}

unsafe extern "win64" fn ke_query_system_time_precise(time: *mut u64) {
    let now = read_clock();
    let now = with(|state| state.scheduling.system_time(now));
    // SAFETY: the time may be written, as documented.
    unsafe { time.write(now) };
}

unsafe extern "win64" fn ke_query_time_increment() -> u32 {
    INCREMENT
}

unsafe extern "win64" fn ke_stall_execution_processor(microseconds: u32) {
    /// A thread at `DISPATCH_LEVEL` passes a point each time that it has stalled for so long.
    const STEP: u64 = 1000 * MICROSECOND;
    /// "Do not specify a value greater than 50 microseconds."
    const LONGEST: u32 = 50;
    if microseconds > LONGEST {
        stop(
            "0xC4",
            format!("the processor was stalled for {microseconds} microseconds"),
        );
    }
    let goes_on = with(|state| {
        let time = u64::from(microseconds) * MICROSECOND;
        state.scheduling.pass_time(time);
        // A thread that stalls for long does so in many calls: not each is a point.
        let stalled = state.scheduling.current().at_dispatch;
        stalled > time && stalled / STEP == (stalled - time) / STEP
    });
    check_dispatch_time();
    if !goes_on {
        point();
    }
}
