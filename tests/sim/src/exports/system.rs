// SPDX-License-Identifier: MIT OR Apache-2.0

//! The system's version, functions and variables.

use windows_sys::Win32::Foundation::UNICODE_STRING;

use crate::calls::bind;
use crate::exports::data::strings;
use crate::exports::exports;
use crate::exports::find;
use crate::exports::memory::access::{get, set};
use crate::findings::caller::caller;
use crate::hardware::irql::{APC_LEVEL, HIGH_LEVEL, PASSIVE_LEVEL};
use crate::kernel::with;
use crate::loader::export::Export;
use crate::memory::extent;

exports! {
    "MmGetSystemRoutineAddress" <= PASSIVE_LEVEL => mm_get_system_routine_address: usize;
    "ExGetPreviousMode" <= APC_LEVEL => previous_mode: u8;
    "RtlGetVersion" <= PASSIVE_LEVEL => rtl_get_version: i32;
    "RtlRandomEx" <= APC_LEVEL => random: u32;
    "MmIsAddressValid" <= HIGH_LEVEL => is_valid: u8;
}

/// Variables that drivers import: pointers to objects of the system.
pub(in crate::exports) const VARIABLES: &[Export] = &[
    Export::variable("PsThreadType"),
    Export::variable("PsProcessType"),
    Export::variable("ExEventObjectType"),
    Export::variable("ExSemaphoreObjectType"),
    Export::variable("IoFileObjectType"),
    Export::variable("IoDeviceObjectType"),
    Export::variable("IoDriverObjectType"),
    Export::variable("PsInitialSystemProcess"),
    // Code with floating-point numbers refers to it, but nothing reads it.
    Export::variable("_fltused"),
];

unsafe extern "win64" fn mm_get_system_routine_address(name: *const UNICODE_STRING) -> usize {
    // SAFETY: the name is valid, as documented.
    let name = unsafe { strings::text(name) };
    let Some(export) = find("ntoskrnl.exe", &name) else {
        return 0;
    };
    with(|state| match caller(state) {
        Some(by) => bind(state, by.driver, export),
        None => 0,
    })
}

unsafe extern "win64" fn previous_mode() -> u8 {
    0
}

/// Windows 11 24H2: its major and minor version, and its build.
pub(crate) const VERSION: [u32; 3] = [10, 0, 26100];

/// `RTL_OSVERSIONINFOW` up to its text.
unsafe extern "win64" fn rtl_get_version(version: *mut [u32; 5]) -> i32 {
    /// `VER_PLATFORM_WIN32_NT`.
    const NT: u32 = 2;
    let [major, minor, build] = VERSION;
    // SAFETY: the structure may be written, as documented; its size stays.
    unsafe {
        let [size, ..] = version.read();
        version.write([size, major, minor, build, NT]);
    }
    0
}

/// The next number of a sequence, less than `MAXLONG`, and the seed of the one after it.
unsafe extern "win64" fn random(seed: usize) -> u32 {
    /// `MAXLONG`.
    const LIMIT: u32 = 0x7FFF_FFFF;
    let next = get::<u32>(seed)
        .wrapping_mul(0x7FFF_FFED)
        .wrapping_add(0x7FFF_FFC3)
        % LIMIT;
    set(seed, next);
    next
}

/// Returns `true` if an access to an address would not fault now.
unsafe extern "win64" fn is_valid(address: usize) -> u8 {
    u8::from(with(|state| extent::around(state, address)).is_some())
}
