// SPDX-License-Identifier: MIT OR Apache-2.0

//! Privileges, which administrators have, but which are disabled by default.

use std::io;
use std::ptr;

use windows_sys::Win32::Foundation::{CloseHandle, ERROR_SUCCESS, GetLastError, HANDLE, LUID};
use windows_sys::Win32::Security::{
    AdjustTokenPrivileges, LUID_AND_ATTRIBUTES, LookupPrivilegeValueW, SE_PRIVILEGE_ENABLED,
    TOKEN_ADJUST_PRIVILEGES, TOKEN_PRIVILEGES,
};
use windows_sys::Win32::System::Threading::{GetCurrentProcess, OpenProcessToken};

use crate::wide::wide;

/// A privilege that this program needs.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Privilege {
    /// To load drivers without the service control manager.
    LoadDriver,
    /// To restart the machine.
    Shutdown,
}

impl Privilege {
    const fn name(self) -> &'static str {
        match self {
            Self::LoadDriver => "SeLoadDriverPrivilege",
            Self::Shutdown => "SeShutdownPrivilege",
        }
    }
}

/// Enables a privilege.
pub(crate) fn enable(privilege: Privilege) -> io::Result<()> {
    let mut luid = LUID::default();
    let name = wide(privilege.name());
    // SAFETY: a null system name means this machine; the name is NUL-terminated.
    if unsafe { LookupPrivilegeValueW(ptr::null(), name.as_ptr(), &raw mut luid) } == 0 {
        return Err(io::Error::last_os_error());
    }
    let mut token: HANDLE = ptr::null_mut();
    // SAFETY: no precondition; the pseudo handle is not closed.
    let process = unsafe { GetCurrentProcess() };
    // SAFETY: `token` is writable, and `process` is a valid handle.
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
    // SAFETY: the token is open; the null pointers mean that the previous state is not returned.
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
    // SAFETY: no precondition. The error tells whether all privileges were enabled, which
    // success of the call does not mean.
    let error = unsafe { GetLastError() };
    // SAFETY: the token was opened above, and is not used any more.
    unsafe { CloseHandle(token) };
    if error == ERROR_SUCCESS {
        return Ok(());
    }
    Err(io::Error::from_raw_os_error(error.cast_signed()))
}
