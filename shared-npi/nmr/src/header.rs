// SPDX-License-Identifier: MIT OR Apache-2.0

//! A header of eight bytes for the structures of an NPI, and the types that may be copied out
//! byte by byte.
//!
//! In a new NPI each structure begins with a [`Header`]. An existing NPI describes its own
//! headers with a [`Check`].

use crate::c_struct;
use crate::layout::{Check, Layout};

c_struct! {
    /// The size and version of a structure, at its beginning.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Header: Check::SIZE_FIRST {
        /// The size in bytes of the whole structure, header included.
        pub size: u16,
        /// The version of the NPI that defines the structure; the first is 1.
        pub version: u16,
        /// Reserved for flags: senders set it to 0, receivers ignore it.
        pub flags: u32,
    }
}

const _: () = assert!(size_of::<Header>() == 8);

impl Header {
    /// Creates the header of a `T` of this version.
    #[must_use]
    pub const fn of<T: Layout>(version: u16) -> Self {
        Self {
            size: crate::abi::struct_size::<T>(),
            version,
            flags: 0,
        }
    }
}

/// A type that may be copied out byte by byte, for example to a program.
///
/// # Safety
///
/// The type is `repr(C)` and has no padding: all its bytes are initialised.
pub unsafe trait Plain: Copy {}

// SAFETY: `repr(C)`, and its eight bytes are those of its fields.
unsafe impl Plain for Header {}
