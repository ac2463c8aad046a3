// SPDX-License-Identifier: MIT OR Apache-2.0

//! The right to load drivers without the service control manager.

use std::io;
use std::ptr;

use windows_sys::Win32::Foundation::{CloseHandle, ERROR_SUCCESS, GetLastError, HANDLE, LUID};
use windows_sys::Win32::Security::{
    AdjustTokenPrivileges, LUID_AND_ATTRIBUTES, LookupPrivilegeValueW, SE_PRIVILEGE_ENABLED,
    TOKEN_ADJUST_PRIVILEGES, TOKEN_PRIVILEGES,
};
use windows_sys::Win32::System::Threading::{GetCurrentProcess, OpenProcessToken};

use crate::wide::wide;

/// Enables `SeLoadDriverPrivilege`, which administrators have but do not use
/// unless they say so.
pub(crate) fn enable_load_driver() -> io::Result<()> {
    let mut luid = LUID::default();
    let name = wide("SeLoadDriverPrivilege");
    // SAFETY: null names this machine; the name ends with a zero.
    if unsafe { LookupPrivilegeValueW(ptr::null(), name.as_ptr(), &raw mut luid) } == 0 {
        return Err(io::Error::last_os_error());
    }
    let mut token: HANDLE = ptr::null_mut();
    // SAFETY: needs no closing.
    let process = unsafe { GetCurrentProcess() };
    // SAFETY: the token may be written.
    if unsafe { OpenProcessToken(process, TOKEN_ADJUST_PRIVILEGES, &raw mut token) } == 0 {
        return Err(io::Error::last_os_error());
    }
    let wanted = TOKEN_PRIVILEGES {
        PrivilegeCount: 1,
        Privileges: [LUID_AND_ATTRIBUTES {
            Luid: luid,
            Attributes: SE_PRIVILEGE_ENABLED,
        }],
    };
    // SAFETY: the token is open, and nobody asks for the previous state.
    unsafe {
        AdjustTokenPrivileges(
            token,
            0,
            &raw const wanted,
            0,
            ptr::null_mut(),
            ptr::null_mut(),
        )
    };
    // SAFETY: what the call before has left; success does not mean all is set.
    let error = unsafe { GetLastError() };
    // SAFETY: it was opened above.
    unsafe { CloseHandle(token) };
    if error == ERROR_SUCCESS {
        return Ok(());
    }
    Err(io::Error::from_raw_os_error(error.cast_signed()))
}
