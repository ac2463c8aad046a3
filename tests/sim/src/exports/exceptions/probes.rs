// SPDX-License-Identifier: MIT OR Apache-2.0

//! `ProbeForRead` and `ProbeForWrite`: whether a buffer is one of user mode.

use windows_sys::Win32::Foundation::{STATUS_ACCESS_VIOLATION, STATUS_DATATYPE_MISALIGNMENT};

use crate::exports::exceptions::raise;
use crate::exports::exports;
use crate::hardware::arena;
use crate::hardware::irql::APC_LEVEL;

exports! {
    "ProbeForRead" <= APC_LEVEL => probe_for_read: ();
    "ProbeForWrite" <= APC_LEVEL => probe_for_write: ();
}

/// `MM_USER_PROBE_ADDRESS`: the end of what a user-mode buffer may take.
const END: usize = 0x7FFF_FFFF_0000;

unsafe extern "win64" fn probe_for_read(address: usize, length: usize, alignment: u32) {
    probe("ProbeForRead", address, length, alignment);
}

/// Nothing of a program is mapped, so that no page can be written to.
unsafe extern "win64" fn probe_for_write(address: usize, length: usize, alignment: u32) {
    if probe("ProbeForWrite", address, length, alignment) && length != 0 {
        let what = format!(
            "ProbeForWrite raised STATUS_ACCESS_VIOLATION: {address:#x} cannot be written to"
        );
        raise(STATUS_ACCESS_VIOLATION, what);
    }
}

/// Returns `true` if a buffer is aligned and of user mode; raises an exception if it is not.
fn probe(name: &str, address: usize, length: usize, alignment: u32) -> bool {
    if length == 0 {
        return true;
    }
    if address & (alignment as usize).wrapping_sub(1) != 0 {
        let what = format!(
            "{name} raised STATUS_DATATYPE_MISALIGNMENT: {address:#x} is not a multiple of \
             {alignment}"
        );
        raise(STATUS_DATATYPE_MISALIGNMENT, what);
        return false;
    }
    let end = address.checked_add(length);
    if end.is_none_or(|end| end > END) || arena::contains(address) {
        let what = format!(
            "{name} raised STATUS_ACCESS_VIOLATION: {address:#x} is not memory of user mode"
        );
        raise(STATUS_ACCESS_VIOLATION, what);
        return false;
    }
    true
}
