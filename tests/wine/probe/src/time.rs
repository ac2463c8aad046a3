// SPDX-License-Identifier: MIT OR Apache-2.0

//! Checks that interrupt time counts in 100 ns.

use crate::system::{KeQueryInterruptTime, sleep};

pub(crate) fn works() {
    const MILLISECOND: u64 = 10_000;
    // SAFETY: callable at any IRQL.
    let before = unsafe { KeQueryInterruptTime() };
    sleep(100);
    // SAFETY: callable at any IRQL.
    let passed = unsafe { KeQueryInterruptTime() } - before;
    // The clock may be coarse, and the machine busy.
    assert!(
        (50 * MILLISECOND..30_000 * MILLISECOND).contains(&passed),
        "100 ms took {passed} units of interrupt time"
    );
}
