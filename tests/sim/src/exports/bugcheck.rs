// SPDX-License-Identifier: MIT OR Apache-2.0

//! Drivers that stop the machine themselves.

use super::exports;
use crate::findings::stop;
use crate::irql::HIGH_LEVEL;

exports! {
    "KeBugCheck" <= HIGH_LEVEL => ke_bug_check: ();
    "KeBugCheckEx" <= HIGH_LEVEL => ke_bug_check_ex: ();
}

/// How wdk-panic ends a panic: "RPNC".
const RUST_PANIC: u32 = 0x5250_4E43;

unsafe extern "win64" fn ke_bug_check(code: u32) {
    stop(
        &format!("{code:#X}").replace("0X", "0x"),
        "the driver stopped the machine".to_owned(),
    );
}

unsafe extern "win64" fn ke_bug_check_ex(code: u32, p1: u64, p2: u64, p3: u64, p4: u64) {
    let why = if code == RUST_PANIC {
        "a Rust panic in the driver stopped the machine"
    } else {
        "the driver stopped the machine"
    };
    let what = format!("{why} ({p1:#x}, {p2:#x}, {p3:#x}, {p4:#x})");
    stop(&format!("{code:#X}").replace("0X", "0x"), what);
}
