// SPDX-License-Identifier: MIT OR Apache-2.0

//! Functions that raise an exception, and the one that handles it for the compiler.

use windows_sys::Win32::Foundation::{STATUS_ACCESS_VIOLATION, STATUS_DATATYPE_MISALIGNMENT};

use crate::exports::exceptions::{Raised, scopes};
use crate::exports::exports;
use crate::hardware::irql::{APC_LEVEL, HIGH_LEVEL, PASSIVE_LEVEL};
use crate::kernel::with;

exports! {
    "__C_specific_handler" <= HIGH_LEVEL => scopes::c_specific_handler: i32;
    "ExRaiseStatus" <= APC_LEVEL => ex_raise_status: ();
    "ExRaiseAccessViolation" <= PASSIVE_LEVEL => ex_raise_access_violation: ();
    "ExRaiseDatatypeMisalignment" <= PASSIVE_LEVEL => ex_raise_datatype_misalignment: ();
}

/// Raises an exception: the function of the kernel that calls this returns at once, and the
/// driver that has called it goes on in a handler. `what` is the finding if there is none.
pub(crate) fn raise(status: i32, what: String) {
    with(|state| {
        let thread = state.scheduling.current_id();
        let current = state.scheduling.current_mut();
        let frame = current.frames.last_mut().expect("a driver has called");
        frame.raises = true;
        let raised = Raised {
            status,
            what,
            fault: None,
        };
        state.exports.exceptions.raise(thread, raised);
    });
}

unsafe extern "win64" fn ex_raise_status(status: i32) {
    raise(status, format!("ExRaiseStatus raised {status:#x}"));
}

unsafe extern "win64" fn ex_raise_access_violation() {
    let what = "ExRaiseAccessViolation raised STATUS_ACCESS_VIOLATION";
    raise(STATUS_ACCESS_VIOLATION, what.to_owned());
}

unsafe extern "win64" fn ex_raise_datatype_misalignment() {
    let what = "ExRaiseDatatypeMisalignment raised STATUS_DATATYPE_MISALIGNMENT";
    raise(STATUS_DATATYPE_MISALIGNMENT, what.to_owned());
}
