// SPDX-License-Identifier: MIT OR Apache-2.0

//! Interrupt time counts in 100 ns.

use crate::system::{KeQueryInterruptTime, sleep};

pub(crate) fn works() {
    const MILLISECOND: u64 = 10_000;
    // SAFETY: callable at any IRQL.
    let before = unsafe { KeQueryInterruptTime() };
    sleep(100);
    // SAFETY: as above.
    let passed = unsafe { KeQueryInterruptTime() } - before;
    // The clock may tick seldom, and the machine be busy.
    assert!(
        (50 * MILLISECOND..30_000 * MILLISECOND).contains(&passed),
        "100 ms took {passed} units of interrupt time"
    );
}
