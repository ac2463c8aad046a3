// SPDX-License-Identifier: MIT OR Apache-2.0

//! A handle of a driver's device.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::windows::io::AsRawHandle;
use std::ptr;

use windows_sys::Win32::System::IO::DeviceIoControl;

/// An open device; one request at a time.
#[derive(Debug)]
pub(crate) struct Device(File);

impl Device {
    pub(crate) fn open(name: &str) -> io::Result<Self> {
        let file = OpenOptions::new().read(true).write(true).open(name)?;
        Ok(Self(file))
    }

    /// Sends a request, and returns the number of bytes written to `output`.
    pub(crate) fn request(&self, code: u32, input: &[u8], output: &mut [u8]) -> io::Result<usize> {
        let length = |bytes: &[u8]| u32::try_from(bytes.len()).map_err(io::Error::other);
        let mut returned = 0;
        // SAFETY: the handle is open, and both buffers have the lengths given.
        let done = unsafe {
            DeviceIoControl(
                self.0.as_raw_handle(),
                code,
                input.as_ptr().cast(),
                length(input)?,
                output.as_mut_ptr().cast(),
                length(output)?,
                &raw mut returned,
                ptr::null_mut(),
            )
        };
        if done == 0 {
            return Err(io::Error::last_os_error());
        }
        usize::try_from(returned).map_err(io::Error::other)
    }
}
