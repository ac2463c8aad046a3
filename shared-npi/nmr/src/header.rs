// SPDX-License-Identifier: MIT OR Apache-2.0

//! A header of eight bytes for the structures of an NPI, and what may be copied
//! out byte by byte.
//!
//! An NPI that is free to choose lets each structure begin with a [`Header`]; one
//! whose structures exist already describes its own with a
//! [`Check`].

use crate::c_struct;
use crate::layout::{Check, Layout};

c_struct! {
    /// Size and version: how a structure says what it is.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Header: Check::SIZE_FIRST {
        /// The size in bytes of the whole structure, header included.
        pub size: u16,
        /// The NPI version whose definition the structure follows, from 1.
        pub version: u16,
        /// Reserved for flags: senders set 0, receivers ignore it.
        pub flags: u32,
    }
}

const _: () = assert!(size_of::<Header>() == 8);

impl Header {
    /// The header of a `T` of `version`.
    #[must_use]
    pub const fn of<T: Layout>(version: u16) -> Self {
        Self {
            size: crate::abi::struct_size::<T>(),
            version,
            flags: 0,
        }
    }
}

/// A type that may be copied out byte by byte, to a program for instance.
///
/// # Safety
///
/// The type is `repr(C)` and has no padding: all its bytes are initialised.
pub unsafe trait Plain: Copy {}

// SAFETY: `repr(C)`, and its eight bytes are those of its fields.
unsafe impl Plain for Header {}
