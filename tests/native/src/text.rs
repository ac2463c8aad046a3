// SPDX-License-Identifier: MIT OR Apache-2.0

//! Counted UTF-16 strings, as the kernel takes them.

use alloc::vec::Vec;
use core::marker::PhantomData;

use windows_sys::Win32::Foundation::UNICODE_STRING;

/// A string in UTF-16.
#[derive(Clone, Debug, Default)]
pub struct Text(Vec<u16>);

/// A `UNICODE_STRING` that borrows its [`Text`].
pub struct Counted<'a>(UNICODE_STRING, PhantomData<&'a Text>);

impl Text {
    /// Appends `text`.
    #[must_use]
    pub fn and(mut self, text: &str) -> Self {
        self.0.extend(text.encode_utf16());
        self
    }

    /// Appends UTF-16 code units.
    #[must_use]
    pub fn and_units(mut self, units: impl IntoIterator<Item = u16>) -> Self {
        self.0.extend(units);
        self
    }

    /// The kernel's structure, of at most the first 32767 units.
    #[must_use]
    pub fn counted(&self) -> Counted<'_> {
        let bytes = u16::try_from(self.0.len() * 2).unwrap_or(u16::MAX - 1);
        let string = UNICODE_STRING {
            Length: bytes,
            MaximumLength: bytes,
            Buffer: self.0.as_ptr().cast_mut(),
        };
        Counted(string, PhantomData)
    }
}

impl Counted<'_> {
    /// A pointer for functions that only read the string.
    #[must_use]
    pub const fn as_ptr(&self) -> *const UNICODE_STRING {
        &raw const self.0
    }
}
