// SPDX-License-Identifier: MIT OR Apache-2.0

//! Types of which every bit pattern is a valid value.

use core::ptr;
use core::sync::atomic::{
    AtomicI32, AtomicPtr, AtomicU8, AtomicU16, AtomicU32, AtomicU64, AtomicUsize,
};

use crate::abi::{GUID, LUID};

/// A type of which every bit pattern is a valid value.
///
/// [`c_struct!`](crate::c_struct) implements it for a structure whose fields all have such
/// types.
///
/// # Safety
///
/// Any initialised bytes of this type's size and alignment are a value of the type. In
/// particular it contains no reference, no `bool`, no enumeration, and no function that safe
/// code can call: an entry of a dispatch table is an `Option<unsafe extern "system" fn(..)>`.
/// All bytes beyond [`USED`](Self::USED) are padding.
#[diagnostic::on_unimplemented(
    message = "a peer's bytes cannot be taken for a `{Self}`",
    note = "fields are integers, raw pointers, arrays, and `Option<unsafe extern \"system\" fn(..)>`"
)]
pub unsafe trait AnyBits: Sized + 'static {
    /// The size without the padding at the end, as `RTL_SIZEOF_THROUGH_FIELD` of the
    /// last field counts it.
    const USED: usize = size_of::<Self>();
}

macro_rules! any_bits {
    ($($type:ty),* $(,)?) => {$(
        // SAFETY: an integer, or a structure of integers without other invariants.
        unsafe impl AnyBits for $type {}
    )*};
}

any_bits! {
    (), u8, u16, u32, u64, usize, i8, i16, i32, i64, isize,
    AtomicU8, AtomicU16, AtomicU32, AtomicU64, AtomicUsize, AtomicI32,
    GUID, LUID,
}

// SAFETY: a raw pointer may have any value; using it takes `unsafe`.
unsafe impl<T: 'static> AnyBits for *const T {}
// SAFETY: a raw pointer may have any value; using it takes `unsafe`.
unsafe impl<T: 'static> AnyBits for *mut T {}
// SAFETY: a raw pointer may have any value; using it takes `unsafe`.
unsafe impl<T: 'static> AnyBits for AtomicPtr<T> {}
// SAFETY: the elements are `AnyBits`, and an array contains nothing else.
unsafe impl<T: AnyBits, const N: usize> AnyBits for [T; N] {}

/// A pointer to data, as a field of a structure: null, or to a `T` that the side which passes
/// the structure keeps valid. Dereferencing it takes `unsafe`, with
/// [`checked`](super::checked) if `T` has a check.
#[repr(transparent)]
#[derive(Debug)]
pub struct Pointer<T>(pub *const T);

impl<T> Pointer<T> {
    /// Null.
    pub const NULL: Self = Self(ptr::null());

    /// Creates a pointer to `data`.
    #[must_use]
    pub const fn to(data: &'static T) -> Self {
        Self(data)
    }
}

impl<T> Clone for Pointer<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Pointer<T> {}

// SAFETY: a pointer may have any value; dereferencing it takes `unsafe`.
unsafe impl<T: 'static> AnyBits for Pointer<T> {}
// SAFETY: it belongs to no thread, and dereferencing it takes `unsafe`.
unsafe impl<T> Send for Pointer<T> {}
// SAFETY: a shared pointer is the same address, and dereferencing it takes `unsafe`.
unsafe impl<T> Sync for Pointer<T> {}

macro_rules! any_bits_functions {
    ($(($($argument:ident)*))*) => {$(
        // SAFETY: null or an address. Calling it takes `unsafe`, by the contract of the NPI.
        unsafe impl<R: 'static $(, $argument: 'static)*> AnyBits
            for Option<unsafe extern "system" fn($($argument),*) -> R> {}
        // SAFETY: null or an address. Calling it takes `unsafe`, by the contract of the NPI.
        unsafe impl<R: 'static $(, $argument: 'static)*> AnyBits
            for Option<unsafe extern "C" fn($($argument),*) -> R> {}
    )*};
}

any_bits_functions! {
    () (A) (A B) (A B C) (A B C D) (A B C D E) (A B C D E F) (A B C D E F G) (A B C D E F G H)
}
