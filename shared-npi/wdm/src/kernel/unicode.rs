// SPDX-License-Identifier: MIT OR Apache-2.0

//! Names as `UNICODE_STRING`s.

use wdk_sys::UNICODE_STRING;

use crate::name::Name;

impl Name {
    /// The `UNICODE_STRING` of the name, which points into `self`. The kernel must not write
    /// through it. Any IRQL.
    ///
    /// <https://learn.microsoft.com/windows/win32/api/ntdef/ns-ntdef-_unicode_string>
    #[must_use]
    pub fn unicode(&self) -> UNICODE_STRING {
        UNICODE_STRING {
            Length: self.bytes(),
            MaximumLength: self.bytes(),
            Buffer: self.units().as_ptr().cast_mut(),
        }
    }
}
