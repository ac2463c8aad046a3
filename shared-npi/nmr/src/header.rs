// SPDX-License-Identifier: MIT OR Apache-2.0

//! The first eight bytes of everything that one module hands to another, and
//! the only way to read the rest of it.
//!
//! A pointer from a peer may be null, may lead to an older and shorter
//! structure than ours, or to a newer and longer one. [`checked`] decides,
//! before a byte beyond the header is touched.

use core::ptr::NonNull;

use crate::{NtStatus, Result};

/// Size and version: how a structure says what it is.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// The size in bytes of the whole structure, header included.
    pub size: u16,
    /// The NPI version whose definition the structure follows, from 1.
    pub version: u16,
    /// Reserved for flags: senders set 0, receivers ignore it.
    pub flags: u32,
}

const _: () = assert!(size_of::<Header>() == 8);

impl Header {
    /// The header of a `T` of `version`.
    #[must_use]
    pub const fn of<T: Headed>(version: u16) -> Self {
        Self {
            size: crate::abi::struct_size::<T>(),
            version,
            flags: 0,
        }
    }
}

/// A structure that begins with a [`Header`].
///
/// # Safety
///
/// The type is `repr(C)`, its first field is a [`Header`], and every bit
/// pattern of the rest is a valid value.
pub unsafe trait Headed: Sized {}

// SAFETY: a header is its own first field, and there is no rest.
unsafe impl Headed for Header {}

/// A structure that can be copied out byte for byte.
///
/// # Safety
///
/// The type is `repr(C)` and has no padding: all bytes of a value are initialized.
pub unsafe trait Plain: Copy {}

// SAFETY: `repr(C)`; its size is asserted to be that of its fields.
unsafe impl Plain for Header {}

/// The `T` at `pointer`, if there is one, to be read.
///
/// A longer structure than `T` passes: it is a later version, whose beginning
/// is a `T`.
///
/// # Errors
///
/// `STATUS_INVALID_PARAMETER` for a null or misaligned pointer, a size smaller
/// than `T`, or version 0.
///
/// # Safety
///
/// As for [`checked_pointer`]; and the bytes do not change for `'a`, but for
/// atomic fields.
pub unsafe fn checked<'a, T: Headed>(pointer: *const T) -> Result<&'a T> {
    // SAFETY: by the same contract.
    let pointer = unsafe { checked_pointer(pointer.cast_mut()) }?;
    // SAFETY: all the bytes that the header announces are there for `'a` and
    // do not change, by this function's contract; they cover a `T`, of which
    // every bit pattern is valid by the contract of `Headed`.
    Ok(unsafe { pointer.as_ref() })
}

/// The same for a structure that is not only read, or not by one thread only.
///
/// # Errors
///
/// As for [`checked`].
///
/// # Safety
///
/// A pointer that is neither null nor misaligned leads to a [`Header`] that
/// nobody changes, and to as many bytes as that says; they stay valid for as
/// long as the result is used.
pub unsafe fn checked_pointer<T: Headed>(pointer: *mut T) -> Result<NonNull<T>> {
    let pointer = NonNull::new(pointer)
        .filter(|pointer| pointer.is_aligned())
        .ok_or(NtStatus::INVALID_PARAMETER)?;
    // SAFETY: by this function's contract a header stands there.
    let header = unsafe { pointer.cast::<Header>().read() };
    if usize::from(header.size) < size_of::<T>() || header.version == 0 {
        return Err(NtStatus::INVALID_PARAMETER);
    }
    Ok(pointer)
}

#[cfg(test)]
mod tests {
    use super::{Headed, Header, checked};
    use crate::NtStatus;

    #[repr(C)]
    #[derive(Debug)]
    struct Sample {
        header: Header,
        value: u64,
    }

    // SAFETY: `repr(C)`, a header first, integers after it.
    unsafe impl Headed for Sample {}

    fn check(size: u16, version: u16) -> crate::Result<u64> {
        let sample = Sample {
            header: Header {
                size,
                version,
                flags: 0,
            },
            value: 42,
        };
        // SAFETY: `sample` is a whole `Sample`, and no more of it is read than
        // that, whatever it says.
        unsafe { checked(&raw const sample) }.map(|sample: &Sample| sample.value)
    }

    #[test]
    fn its_own_size_passes() {
        assert_eq!(
            Header::of::<Sample>(1),
            Header {
                size: 16,
                version: 1,
                flags: 0
            }
        );
        assert_eq!(check(16, 1), Ok(42));
    }

    #[test]
    fn a_longer_structure_passes() {
        assert_eq!(check(u16::MAX, 9), Ok(42));
    }

    #[test]
    fn a_shorter_structure_is_refused() {
        assert_eq!(check(15, 1), Err(NtStatus::INVALID_PARAMETER));
        assert_eq!(check(0, 1), Err(NtStatus::INVALID_PARAMETER));
    }

    #[test]
    fn version_zero_is_refused() {
        assert_eq!(check(16, 0), Err(NtStatus::INVALID_PARAMETER));
    }

    #[test]
    fn null_and_misaligned_pointers_are_refused() {
        for address in [0_usize, 1, 4, 12] {
            let pointer = core::ptr::without_provenance::<Sample>(address);
            // SAFETY: each pointer is null or misaligned.
            let result = unsafe { checked(pointer) };
            assert_eq!(result.err(), Some(NtStatus::INVALID_PARAMETER));
        }
    }
}
