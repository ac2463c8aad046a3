// SPDX-License-Identifier: MIT OR Apache-2.0

//! Names of kernel objects after the driver's service. `client.sys` has the same.

use core::slice;

use nmr::abi::struct_size;
use nmr::{NtStatus, Result};
use wdk_sys::{PCUNICODE_STRING, UNICODE_STRING};

/// The longest name, in UTF-16 units.
const LONGEST: usize = 96;

/// A name.
pub(crate) struct Name {
    units: [u16; LONGEST],
    bytes: u16,
}

impl Name {
    /// An ASCII `text`.
    ///
    /// # Errors
    ///
    /// `STATUS_NAME_TOO_LONG`.
    pub(crate) fn new(text: &[u8]) -> Result<Self> {
        let mut name = Self {
            units: [0; LONGEST],
            bytes: 0,
        };
        name.append(text.iter().map(|&byte| u16::from(byte)))?;
        Ok(name)
    }

    /// An ASCII `prefix`, and the last part of a service's registry path.
    ///
    /// # Errors
    ///
    /// `STATUS_NAME_TOO_LONG`.
    ///
    /// # Safety
    ///
    /// `path` leads to a valid string, which is not empty.
    pub(crate) unsafe fn of_service(prefix: &[u8], path: PCUNICODE_STRING) -> Result<Self> {
        const BACKSLASH: u16 = b'\\' as u16;
        // SAFETY: by this function's contract.
        let path = unsafe { &*path };
        let units = usize::from(path.Length / struct_size::<u16>());
        // SAFETY: as above.
        let path = unsafe { slice::from_raw_parts(path.Buffer, units) };
        let service = path.rsplit(|&unit| unit == BACKSLASH).next();
        let mut name = Self::new(prefix)?;
        name.append(service.unwrap_or_default().iter().copied())?;
        Ok(name)
    }

    fn append(&mut self, units: impl Iterator<Item = u16>) -> Result {
        let end = usize::from(self.bytes / struct_size::<u16>());
        let mut places = self.units.iter_mut().skip(end);
        for unit in units {
            *places.next().ok_or(NtStatus::NAME_TOO_LONG)? = unit;
            self.bytes += struct_size::<u16>();
        }
        Ok(())
    }

    /// The name as the kernel wants it, valid as long as `self`.
    pub(crate) fn unicode(&mut self) -> UNICODE_STRING {
        UNICODE_STRING {
            Length: self.bytes,
            MaximumLength: self.bytes,
            Buffer: self.units.as_mut_ptr(),
        }
    }
}
