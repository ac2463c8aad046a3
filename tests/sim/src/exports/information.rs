// SPDX-License-Identifier: MIT OR Apache-2.0

//! `ZwQuerySystemInformation`: the classes that are documented.

use windows_sys::Win32::Foundation::{STATUS_INFO_LENGTH_MISMATCH, STATUS_SUCCESS};

use crate::exports::exports;
use crate::exports::memory::access::{copy, set};
use crate::findings::unsupported;
use crate::hardware::irql::PASSIVE_LEVEL;
use crate::kernel::with;

exports! {
    "ZwQuerySystemInformation" <= PASSIVE_LEVEL => query: i32;
    "NtQuerySystemInformation" <= PASSIVE_LEVEL => query: i32;
}

/// Classes.
const BASIC: u32 = 0;
const PERFORMANCE: u32 = 2;
const TIME_OF_DAY: u32 = 3;
const PROCESSORS: u32 = 8;
const INTERRUPTS: u32 = 23;
const EXCEPTIONS: u32 = 33;
const DEBUGGER: u32 = 35;
const REGISTRY_QUOTA: u32 = 37;
const LOOKASIDE: u32 = 45;
const CODE_INTEGRITY: u32 = 103;

/// What there is to say of a class; `None` if that is not known here. Where no document says
/// what the bytes mean they are 0.
fn information(class: u32) -> Option<Vec<u8>> {
    let processors = with(|state| state.scheduling.processors());
    Some(match class {
        BASIC => {
            let mut bytes = vec![0; 64];
            bytes[56] = u8::try_from(processors).expect("a group has 64");
            bytes
        }
        PERFORMANCE => vec![0; 312],
        TIME_OF_DAY => vec![0; 48],
        PROCESSORS => vec![0; 48 * processors],
        INTERRUPTS => vec![0; 24 * processors],
        EXCEPTIONS | REGISTRY_QUOTA => vec![0; 16],
        // No debugger is enabled, and none is there.
        DEBUGGER => vec![0, 1],
        LOOKASIDE => vec![0; 32],
        // `CODEINTEGRITY_OPTION_ENABLED`.
        CODE_INTEGRITY => vec![8, 0, 0, 0, 1, 0, 0, 0],
        _ => return None,
    })
}

unsafe extern "win64" fn query(class: u32, buffer: usize, length: u32, needed: usize) -> i32 {
    let Some(bytes) = information(class) else {
        unsupported(format!("asks for system information of class {class}"));
    };
    if needed != 0 {
        set(needed, u32::try_from(bytes.len()).expect("it is short"));
    }
    if (length as usize) < bytes.len() {
        return STATUS_INFO_LENGTH_MISMATCH;
    }
    // SAFETY: the buffer has that length, as documented.
    unsafe { copy(bytes.as_ptr(), buffer as *mut u8, bytes.len()) };
    STATUS_SUCCESS
}
