// SPDX-License-Identifier: MIT OR Apache-2.0

//! Layouts of the structures that two modules pass to each other, and the check of a
//! structure from a peer.
//!
//! A peer's pointer may be null, and its structure may be of an older version and shorter than
//! ours, or newer and longer. NPIs differ in how a structure states its size and version; a
//! [`Check`] describes that. Whether the pointer may be null is a type: [`Required`],
//! [`Optional`] or [`Absent`].
//!
//! | NPI | structure begins with | check |
//! |---|---|---|
//! | those of this project | `u16 size; u16 version; u32 flags` | [`Check::SIZE_FIRST`] |
//! | Winsock Kernel | `USHORT Version; USHORT Reserved` | [`Check::version_first`] |
//! | eBPF extensions | `uint16_t version; size_t size` | [`Check::version_and_size`] |
//! | an NPI whose id implies a fixed layout | anything | [`Check::NONE`] |

mod any_bits;
mod check;
mod handed;

use core::ptr::NonNull;

pub use any_bits::{AnyBits, Pointer};
pub use check::{Check, Field};
pub(crate) use handed::assert_whole;
pub use handed::{Absent, Handed, Nullable, Optional, Required};

use crate::abi::{GUID, LUID};
use crate::{NtStatus, Result};

/// A structure that one module passes to the other by pointer.
///
/// [`c_struct!`](crate::c_struct) declares one.
///
/// # Safety
///
/// The type is `repr(C)`, and the fields of [`CHECK`](Self::CHECK) are unsigned
/// integers at these offsets in it.
pub unsafe trait Layout: AnyBits {
    /// The check of a peer's structure.
    const CHECK: Check;
}

macro_rules! unchecked {
    ($(<$($generic:ident: $bound:tt),*> $type:ty;)*) => {$(
        // SAFETY: there are no fields to check.
        unsafe impl<$($generic: $bound),*> Layout for $type {
            const CHECK: Check = Check::NONE;
        }
    )*};
}

unchecked! {
    <> u8; <> u16; <> u32; <> u64; <> usize; <> i8; <> i16; <> i32; <> i64; <> isize;
    <> GUID; <> LUID;
    <T: 'static> *const T; <T: 'static> *mut T; <T: 'static> Pointer<T>;
}

// SAFETY: there are no fields to check.
unsafe impl<T: AnyBits, const N: usize> Layout for [T; N] {
    const CHECK: Check = Check::NONE;
}

/// Declares a `repr(C)` structure that two modules exchange:
/// `struct Name: CHECK { fields }`, where `CHECK` is a path to a
/// [`Check`](crate::layout::Check), or `struct Name { fields }` for a structure that is part
/// of another, or `struct Name(u32);` for a number with a name.
///
/// A field of a type that has invalid bit patterns does not compile.
///
/// ```
/// use nmr::header::Header;
/// use nmr::layout::Check;
///
/// nmr::c_struct! {
///     /// A question.
///     pub struct Question: Check::SIZE_FIRST {
///         /// Size and version.
///         pub header: Header,
///         /// What is asked for.
///         pub key: u64,
///     }
/// }
/// ```
///
/// ```compile_fail
/// nmr::c_struct! {
///     pub struct Question {
///         /// A peer may send 2.
///         pub urgent: bool,
///     }
/// }
/// ```
#[macro_export]
macro_rules! c_struct {
    (
        $(#[$meta:meta])*
        $vis:vis struct $name:ident: $check:path {
            $($(#[$field_meta:meta])* $field_vis:vis $field:ident: $type:ty),* $(,)?
        }
    ) => {
        $crate::c_struct! {
            $(#[$meta])*
            $vis struct $name {
                $($(#[$field_meta])* $field_vis $field: $type,)*
            }
        }

        const _: () = $check.assert_within(&[
            $((::core::mem::offset_of!($name, $field), ::core::mem::size_of::<$type>()),)*
        ]);

        // SAFETY: the macro makes it `repr(C)`. That the checked numbers are inside its fields
        // is asserted above, and `AnyBits` fields are initialised.
        unsafe impl $crate::layout::Layout for $name {
            const CHECK: $crate::layout::Check = $check;
        }
    };
    ($(#[$meta:meta])* $vis:vis struct $name:ident($number_vis:vis $number:ty);) => {
        $(#[$meta])*
        #[repr(transparent)]
        $vis struct $name($number_vis $number);

        // SAFETY: by the bound the type inside is `AnyBits`.
        unsafe impl $crate::layout::AnyBits for $name where $number: $crate::layout::AnyBits {}
    };
    (
        $(#[$meta:meta])*
        $vis:vis struct $name:ident {
            $($(#[$field_meta:meta])* $field_vis:vis $field:ident: $type:ty),* $(,)?
        }
    ) => {
        $(#[$meta])*
        #[repr(C)]
        $vis struct $name {
            $($(#[$field_meta])* $field_vis $field: $type,)*
        }

        // Does not compile if an attribute has added a field.
        const _: fn(&$name) = |value| {
            let $name { $($field: _),* } = value;
        };

        // SAFETY: by the bounds each field's type is `AnyBits`, and the structure has no
        // other fields, as checked above.
        unsafe impl $crate::layout::AnyBits for $name
        where
            $($type: $crate::layout::AnyBits,)*
        {
            const USED: usize = {
                let used = 0;
                // The fields of a `repr(C)` structure are in order.
                $(let used = {
                    let end = ::core::mem::offset_of!(Self, $field)
                        + ::core::mem::size_of::<$type>();
                    assert!(end >= used);
                    end
                };)*
                used
            };
        }
    };
}

/// Checks a structure from a peer that is to be used by pointer, because it is also written,
/// or shared by several threads. Any IRQL.
///
/// A structure that is longer than `T` passes: it is of a later version, and begins with a
/// `T`. So does one whose stated size leaves out the padding at its end: eBPF and XDP state
/// the size up to the end of the last field.
///
/// # Errors
///
/// `STATUS_INVALID_PARAMETER` for a null or misaligned pointer, and for a structure that
/// fails the check of `T`.
///
/// # Safety
///
/// A pointer that is neither null nor misaligned points to a structure of the NPI: the fields
/// of the check are readable and do not change, and as many bytes as they state, rounded up to
/// the alignment of `T`, stay valid as long as the result is used.
pub unsafe fn checked_pointer<T: Layout>(pointer: *mut T) -> Result<NonNull<T>> {
    let pointer = NonNull::new(pointer)
        .filter(|pointer| pointer.is_aligned())
        .ok_or(NtStatus::INVALID_PARAMETER)?;
    // SAFETY: by this function's contract the fields of the check are readable.
    match unsafe { T::CHECK.announced(pointer.as_ptr().cast_const().cast()) } {
        Some(size) if size >= T::USED as u64 => Ok(pointer),
        _ => Err(NtStatus::INVALID_PARAMETER),
    }
}

/// Checks a structure from a peer that is to be read. Any IRQL.
///
/// # Errors
///
/// As for [`checked_pointer`].
///
/// # Safety
///
/// As for [`checked_pointer`]; and the bytes, except those of atomic fields, do not change
/// during `'a`.
pub unsafe fn checked<'a, T: Layout>(pointer: *const T) -> Result<&'a T> {
    // SAFETY: this function's contract includes that of `checked_pointer`.
    let pointer = unsafe { checked_pointer(pointer.cast_mut()) }?;
    // SAFETY: by the check and this function's contract a whole `T` is readable and does not
    // change during `'a`; any bits are a valid `T`.
    Ok(unsafe { pointer.as_ref() })
}

#[cfg(test)]
mod tests {
    use super::{Check, Layout, checked};
    use crate::header::Header;
    use crate::{NtStatus, Result};

    c_struct! {
        struct Sample: Check::SIZE_FIRST {
            header: Header,
            value: u64,
        }
    }

    fn check(size: u16, version: u16) -> Result<u64> {
        let sample = Sample {
            header: Header {
                size,
                version,
                flags: 0,
            },
            value: 42,
        };
        // SAFETY: `sample` is a whole `Sample`, and no more of it is read than that,
        // whatever it announces.
        unsafe { checked(&raw const sample) }.map(|sample: &Sample| sample.value)
    }

    #[test]
    fn its_own_size_passes() {
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

    const VERSION: Check = Check::version_first(0x0100, 0x0101);

    c_struct! {
        struct Versioned: VERSION {
            version: u16,
            reserved: u16,
            value: u32,
        }
    }

    const VERSION_AND_SIZE: Check = Check::version_and_size(2, 3);

    c_struct! {
        struct Sized: VERSION_AND_SIZE {
            version: u16,
            size: usize,
            value: u32,
        }
    }

    /// Returns `true` if `value` is accepted.
    fn accepts<T: Layout>(value: &T) -> bool {
        // SAFETY: a whole `T` is there, and no more is read.
        unsafe { checked(core::ptr::from_ref(value)) }.is_ok()
    }

    #[test]
    fn a_version_outside_the_range_is_refused() {
        for (version, accepted) in [
            (0x00FF, false),
            (0x0100, true),
            (0x0101, true),
            (0x0102, false),
        ] {
            let versioned = Versioned {
                version,
                reserved: 0,
                value: 0,
            };
            assert_eq!(accepts(&versioned), accepted, "{version:#x}");
        }
    }

    #[test]
    fn version_and_size_are_both_checked() {
        for (version, size, accepted) in [
            (1, 24, false),
            (2, 24, true),
            (3, 100, true),
            // Without the padding at the end, and one byte less.
            (3, 20, true),
            (3, 19, false),
        ] {
            let sized = Sized {
                version,
                size,
                value: 0,
            };
            assert_eq!(accepts(&sized), accepted, "{version} {size}");
        }
    }
}
