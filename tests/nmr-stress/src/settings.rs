// SPDX-License-Identifier: MIT OR Apache-2.0

//! The `Parameters` key of a service.

use std::io;
use std::ptr;

use scenarios::Setting;
use windows_sys::Win32::Foundation::{ERROR_FILE_NOT_FOUND, ERROR_SUCCESS};
use windows_sys::Win32::System::Registry::{
    HKEY_LOCAL_MACHINE, REG_DWORD, RegDeleteTreeW, RegSetKeyValueW,
};

use crate::wide::wide;

/// Makes these, and no others, the settings of the service called `name`.
pub(crate) fn write(name: &str, settings: &[Setting]) -> io::Result<()> {
    let key = wide(format!(
        r"SYSTEM\CurrentControlSet\Services\{name}\Parameters"
    ));
    // SAFETY: the path ends with a zero.
    let error = unsafe { RegDeleteTreeW(HKEY_LOCAL_MACHINE, key.as_ptr()) };
    if error != ERROR_FILE_NOT_FOUND {
        succeeded(error)?;
    }
    for setting in settings {
        let value_name = wide(setting.name);
        // SAFETY: the strings end with zeros, and the data has four bytes.
        succeeded(unsafe {
            RegSetKeyValueW(
                HKEY_LOCAL_MACHINE,
                key.as_ptr(),
                value_name.as_ptr(),
                REG_DWORD,
                ptr::from_ref(&setting.value).cast(),
                4,
            )
        })?;
    }
    Ok(())
}

fn succeeded(error: u32) -> io::Result<()> {
    if error == ERROR_SUCCESS {
        return Ok(());
    }
    Err(io::Error::from_raw_os_error(error.cast_signed()))
}
