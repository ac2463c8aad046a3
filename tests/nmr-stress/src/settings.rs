// SPDX-License-Identifier: MIT OR Apache-2.0

//! The `Parameters` key of a service.

use std::io;
use std::ptr;

use scenarios::Setting;
use windows_sys::Win32::Foundation::{ERROR_FILE_NOT_FOUND, ERROR_SUCCESS};
use windows_sys::Win32::System::Registry::{
    HKEY_LOCAL_MACHINE, REG_DWORD, RegDeleteKeyValueW, RegDeleteTreeW, RegSetKeyValueW,
};

use crate::wide::wide;

/// The settings of a service: its key, and the values written.
#[derive(Debug)]
pub(crate) struct Settings {
    key: Vec<u16>,
    written: Vec<Setting>,
}

impl Settings {
    /// Deletes the settings of the service `name` that an earlier run has left.
    pub(crate) fn none(name: &str) -> io::Result<Self> {
        let key = wide(format!(
            r"SYSTEM\CurrentControlSet\Services\{name}\Parameters"
        ));
        // SAFETY: the path is NUL-terminated.
        let error = unsafe { RegDeleteTreeW(HKEY_LOCAL_MACHINE, key.as_ptr()) };
        if error != ERROR_FILE_NOT_FOUND {
            succeeded(error)?;
        }
        Ok(Self {
            key,
            written: Vec::new(),
        })
    }

    /// Writes the settings, and deletes all others; unchanged values are not written.
    pub(crate) fn write(&mut self, settings: Vec<Setting>) -> io::Result<()> {
        let stays = |old: &&Setting| settings.iter().any(|new| new.name == old.name);
        for old in self.written.iter().filter(|old| !stays(old)) {
            self.delete(old)?;
        }
        for new in settings.iter().filter(|new| !self.written.contains(new)) {
            self.set(new)?;
        }
        self.written = settings;
        Ok(())
    }

    fn delete(&self, setting: &Setting) -> io::Result<()> {
        let name = wide(setting.name);
        // SAFETY: the strings are NUL-terminated.
        succeeded(unsafe {
            RegDeleteKeyValueW(HKEY_LOCAL_MACHINE, self.key.as_ptr(), name.as_ptr())
        })
    }

    fn set(&self, setting: &Setting) -> io::Result<()> {
        let name = wide(setting.name);
        // SAFETY: the strings are NUL-terminated, and the data has four bytes.
        succeeded(unsafe {
            RegSetKeyValueW(
                HKEY_LOCAL_MACHINE,
                self.key.as_ptr(),
                name.as_ptr(),
                REG_DWORD,
                ptr::from_ref(&setting.value).cast(),
                4,
            )
        })
    }
}

fn succeeded(error: u32) -> io::Result<()> {
    if error == ERROR_SUCCESS {
        return Ok(());
    }
    Err(io::Error::from_raw_os_error(error.cast_signed()))
}
