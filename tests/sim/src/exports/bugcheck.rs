// SPDX-License-Identifier: MIT OR Apache-2.0

//! Drivers that stop the machine themselves.

use crate::exports::exports;
use crate::findings::bug_check::Code;
use crate::findings::stop;
use crate::hardware::irql::HIGH_LEVEL;

exports! {
    "KeBugCheck" <= HIGH_LEVEL => ke_bug_check: ();
    "KeBugCheckEx" <= HIGH_LEVEL => ke_bug_check_ex: ();
}

/// How wdk-panic ends a panic: "RPNC".
const RUST_PANIC: u32 = 0x5250_4E43;

unsafe extern "win64" fn ke_bug_check(code: u32) {
    let what = "the driver called KeBugCheck".to_owned();
    stop(Code::asked_for(code, [0; 4]), what);
}

unsafe extern "win64" fn ke_bug_check_ex(code: u32, p1: usize, p2: usize, p3: usize, p4: usize) {
    let why = if code == RUST_PANIC {
        "the bug check of a Rust panic in the driver"
    } else {
        "the driver called KeBugCheckEx"
    };
    stop(Code::asked_for(code, [p1, p2, p3, p4]), why.to_owned());
}
