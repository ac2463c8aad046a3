// SPDX-License-Identifier: MIT OR Apache-2.0

//! Layouts of the structures that two modules hand to each other, and the check
//! of one that comes from a peer.
//!
//! A pointer from a peer may be null, and may lead to an older and shorter
//! structure than ours or to a newer and longer one. How a structure says which it
//! is differs between NPIs, and is data here: a [`Check`]. What the NPI says of
//! the pointer itself is a type: [`Required`], [`Optional`] or [`Absent`].
//!
//! | NPI | structure begins with | check |
//! |---|---|---|
//! | those of this project | `u16 size; u16 version; u32 flags` | [`Check::SIZE_FIRST`] |
//! | Winsock Kernel | `USHORT Version; USHORT Reserved` | [`Check::version_first`] |
//! | eBPF extensions | `uint16_t version; size_t size` | [`Check::version_and_size`] |
//! | one whose id stands for a fixed layout | anything | [`Check::NONE`] |

use core::ffi::c_void;
use core::marker::PhantomData;
use core::ptr::{self, NonNull};
use core::sync::atomic::{
    AtomicI32, AtomicPtr, AtomicU8, AtomicU16, AtomicU32, AtomicU64, AtomicUsize,
};

use crate::abi::{GUID, LUID};
use crate::{NtStatus, Result};

/// A type of which every bit pattern is a valid value.
///
/// [`c_struct!`](crate::c_struct) implements it for a structure whose fields have
/// it.
///
/// # Safety
///
/// Any initialised bytes of this type's size and alignment are a value of the
/// type. In particular it contains no reference, no `bool`, no enumeration, and no
/// function that safe code can call: an entry of a dispatch table is an
/// `Option<unsafe extern "system" fn(..)>`. What is beyond [`USED`](Self::USED) bytes
/// is padding.
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
// SAFETY: the elements have any bits, and an array has nothing else.
unsafe impl<T: AnyBits, const N: usize> AnyBits for [T; N] {}

/// A pointer to data, as a member of a structure: null, or to a `T` that the side which
/// hands over the structure keeps. Following it takes `unsafe`, with
/// [`checked`] where `T` has a check.
#[repr(transparent)]
#[derive(Debug)]
pub struct Pointer<T>(pub *const T);

impl<T> Pointer<T> {
    /// Null.
    pub const NULL: Self = Self(ptr::null());

    /// A pointer to `data`.
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

// SAFETY: a pointer may have any value; following it takes `unsafe`.
unsafe impl<T: 'static> AnyBits for Pointer<T> {}
// SAFETY: it belongs to no thread, and following it takes `unsafe`.
unsafe impl<T> Send for Pointer<T> {}
// SAFETY: a shared pointer is the same address, and following it takes `unsafe`.
unsafe impl<T> Sync for Pointer<T> {}

macro_rules! any_bits_functions {
    ($(($($argument:ident)*))*) => {$(
        // SAFETY: null or an address; that a function of this type is there is the
        // contract of the NPI, and calling it takes `unsafe`.
        unsafe impl<R: 'static $(, $argument: 'static)*> AnyBits
            for Option<unsafe extern "system" fn($($argument),*) -> R> {}
        // SAFETY: null or an address; that a function of this type is there is the
        // contract of the NPI, and calling it takes `unsafe`.
        unsafe impl<R: 'static $(, $argument: 'static)*> AnyBits
            for Option<unsafe extern "C" fn($($argument),*) -> R> {}
    )*};
}

any_bits_functions! {
    () (A) (A B) (A B C) (A B C D) (A B C D E) (A B C D E F) (A B C D E F G) (A B C D E F G H)
}

/// The place of a version or size in a structure: an unsigned integer.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    offset: usize,
    width: Width,
}

#[derive(Clone, Copy, Debug)]
enum Width {
    U16,
    U32,
    Usize,
}

impl Field {
    /// A `u16` at `offset`.
    #[must_use]
    pub const fn u16(offset: usize) -> Self {
        Self {
            offset,
            width: Width::U16,
        }
    }

    /// A `u32` at `offset`.
    #[must_use]
    pub const fn u32(offset: usize) -> Self {
        Self {
            offset,
            width: Width::U32,
        }
    }

    /// A `size_t` at `offset`.
    #[must_use]
    pub const fn usize(offset: usize) -> Self {
        Self {
            offset,
            width: Width::Usize,
        }
    }

    /// The number of its bytes.
    const fn size(self) -> usize {
        match self.width {
            Width::U16 => size_of::<u16>(),
            Width::U32 => size_of::<u32>(),
            Width::Usize => size_of::<usize>(),
        }
    }

    /// Returns `true` if it is inside one of `fields`, each an offset and a size.
    const fn is_within(self, mut fields: &[(usize, usize)]) -> bool {
        while let [(offset, size), rest @ ..] = fields {
            if *offset <= self.offset && self.offset + self.size() <= *offset + *size {
                return true;
            }
            fields = rest;
        }
        false
    }

    /// Reads the field of the structure at `base`.
    ///
    /// # Safety
    ///
    /// The field lies in initialised integers of a readable structure.
    const unsafe fn read(self, base: *const u8) -> u64 {
        // SAFETY: by this function's contract the offset is inside the structure.
        let place = unsafe { base.add(self.offset) };
        match self.width {
            // SAFETY: by this function's contract an integer is there.
            Width::U16 => (unsafe { place.cast::<u16>().read_unaligned() }) as u64,
            // SAFETY: by this function's contract an integer is there.
            Width::U32 => (unsafe { place.cast::<u32>().read_unaligned() }) as u64,
            // SAFETY: by this function's contract an integer is there.
            Width::Usize => (unsafe { place.cast::<usize>().read_unaligned() }) as u64,
        }
    }
}

/// The check of a peer's structure, before a reference to it is made.
#[derive(Clone, Copy, Debug)]
pub struct Check {
    size: Option<Field>,
    version: Option<Field>,
    lowest: u64,
    highest: u64,
}

impl Check {
    /// Nothing but the pointer: the identity of the NPI vouches for the layout.
    pub const NONE: Self = Self {
        size: None,
        version: None,
        lowest: 0,
        highest: u64::MAX,
    };

    /// A [`Header`](crate::header::Header) first: `u16` size, at least that of the
    /// type, then `u16` version, from 1.
    pub const SIZE_FIRST: Self =
        Self::NONE
            .size(Field::u16(0))
            .version(Field::u16(2), 1, u16::MAX as u64);

    /// A `u16` version first, from `lowest` to `highest`; no size. A version that
    /// is accepted has all the fields of the type.
    #[must_use]
    pub const fn version_first(lowest: u16, highest: u16) -> Self {
        Self::NONE.version(Field::u16(0), lowest as u64, highest as u64)
    }

    /// A `u16` version first, from `lowest` to `highest`, then, aligned, a
    /// `size_t` size, at least that of the type.
    #[must_use]
    pub const fn version_and_size(lowest: u16, highest: u16) -> Self {
        Self::version_first(lowest, highest).size(Field::usize(size_of::<usize>()))
    }

    /// This check, and the size in `field` is at least that of the type.
    #[must_use]
    pub const fn size(mut self, field: Field) -> Self {
        self.size = Some(field);
        self
    }

    /// This check, and the version in `field` is from `lowest` to `highest`.
    #[must_use]
    pub const fn version(mut self, field: Field, lowest: u64, highest: u64) -> Self {
        self.version = Some(field);
        self.lowest = lowest;
        self.highest = highest;
        self
    }

    /// Panics, at compile time, if a number that is checked is not inside one of the
    /// `fields` of the structure, each an offset and a size: there may be padding
    /// between them, which is not initialised.
    #[doc(hidden)]
    pub const fn assert_within(self, fields: &[(usize, usize)]) {
        if let Some(field) = self.size {
            assert!(field.is_within(fields), "the size is in a field");
        }
        if let Some(field) = self.version {
            assert!(field.is_within(fields), "the version is in a field");
        }
    }

    /// Returns the size that the structure at `base` announces, or `None` if it has
    /// no accepted version.
    ///
    /// # Safety
    ///
    /// The fields of the check are initialised integers of a readable structure.
    const unsafe fn announced(self, base: *const u8) -> Option<u64> {
        if let Some(field) = self.version {
            // SAFETY: by this function's contract.
            let version = unsafe { field.read(base) };
            if version < self.lowest || version > self.highest {
                return None;
            }
        }
        match self.size {
            // SAFETY: by this function's contract.
            Some(field) => Some(unsafe { field.read(base) }),
            None => Some(u64::MAX),
        }
    }
}

/// A structure that one module hands to the other by pointer.
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
        // SAFETY: nothing is checked: where the pointer leads there is one of these.
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

// SAFETY: nothing is checked: where the pointer leads there is one of these.
unsafe impl<T: AnyBits, const N: usize> Layout for [T; N] {
    const CHECK: Check = Check::NONE;
}

/// Declares a `repr(C)` structure that crosses the border between two modules:
/// `struct Name: CHECK { fields }`, where `CHECK` is a path to a
/// [`Check`](crate::layout::Check), or `struct Name { fields }` for one that is part
/// of another, or `struct Name(u32);` for a number with a name.
///
/// A field that could be invalid does not compile.
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

        // SAFETY: the macro makes it `repr(C)`; that what is checked is inside its fields
        // is asserted above, and that these are initialised is what any bits are.
        unsafe impl $crate::layout::Layout for $name {
            const CHECK: $crate::layout::Check = $check;
        }
    };
    ($(#[$meta:meta])* $vis:vis struct $name:ident($number_vis:vis $number:ty);) => {
        $(#[$meta])*
        #[repr(transparent)]
        $vis struct $name($number_vis $number);

        // SAFETY: the type inside has any bits, which the bound says.
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

        // An attribute may have added a field, which does not compile here.
        const _: fn(&$name) = |value| {
            let $name { $($field: _),* } = value;
        };

        // SAFETY: each field's type has any bits, which the bounds say, and the
        // structure has nothing but these fields, see above.
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

/// Checks a structure that a peer has handed over, to be used by pointer: because
/// it is not only read, or not by one thread only. Any IRQL.
///
/// A longer structure than `T` passes: it is of a later version, whose beginning
/// is a `T`. So does one that does not count the padding at its end: eBPF and XDP
/// announce the size through the last field.
///
/// # Errors
///
/// `STATUS_INVALID_PARAMETER` for a null or misaligned pointer, and for a structure
/// that the check of `T` does not accept.
///
/// # Safety
///
/// A pointer that is neither null nor misaligned leads to a structure of the NPI:
/// the fields of the check are readable and do not change, and the size that they
/// announce, rounded up to the alignment of `T`, stays valid memory for as long as the
/// result is used.
pub unsafe fn checked_pointer<T: Layout>(pointer: *mut T) -> Result<NonNull<T>> {
    let pointer = NonNull::new(pointer)
        .filter(|pointer| pointer.is_aligned())
        .ok_or(NtStatus::INVALID_PARAMETER)?;
    // SAFETY: by this function's contract the fields of the check are there.
    match unsafe { T::CHECK.announced(pointer.as_ptr().cast_const().cast()) } {
        Some(size) if size >= T::USED as u64 => Ok(pointer),
        _ => Err(NtStatus::INVALID_PARAMETER),
    }
}

/// Checks a structure that a peer has handed over to be read. Any IRQL.
///
/// # Errors
///
/// As for [`checked_pointer`].
///
/// # Safety
///
/// As for [`checked_pointer`]; and the bytes do not change for `'a`, but for
/// atomic fields.
pub unsafe fn checked<'a, T: Layout>(pointer: *const T) -> Result<&'a T> {
    // SAFETY: by this function's contract, which includes that of the callee.
    let pointer = unsafe { checked_pointer(pointer.cast_mut()) }?;
    // SAFETY: a whole `T` is there for `'a` and does not change, by this function's
    // contract and the check; any bits are a `T`.
    Ok(unsafe { pointer.as_ref() })
}

mod sealed {
    pub trait Sealed {}
}

/// [`Optional`] or [`Absent`]: null may be handed over.
pub trait Nullable: Handed {
    /// Null.
    #[doc(hidden)]
    const NULL: Self::Own;
}

impl<T: Layout + Sync> Nullable for Optional<T> {
    const NULL: Option<&'static T> = None;
}

impl Nullable for Absent {
    const NULL: () = ();
}

/// The contract of a pointer to a structure: [`Required`], [`Optional`] or [`Absent`].
pub trait Handed: sealed::Sealed + 'static {
    /// The value that a module hands to its peers.
    type Own: Copy + Send + Sync + 'static;

    /// A peer's structure, once it is checked.
    type Seen<'a>: Copy;

    /// The check of the structure.
    #[doc(hidden)]
    const CHECK: Check;

    /// The sizes in bytes that a structure of a module's own may announce: without
    /// the padding at the end, and with it.
    #[doc(hidden)]
    const SIZES: [usize; 2];

    /// The pointer that goes to the peer.
    #[doc(hidden)]
    fn pointer(own: Self::Own) -> *const c_void;

    /// Checks the pointer that came from the peer.
    ///
    /// # Safety
    ///
    /// As for [`checked`], for the structure that this names.
    #[doc(hidden)]
    unsafe fn see<'a>(pointer: *const c_void) -> Result<Self::Seen<'a>>;

    /// The same, seen for a shorter time.
    #[doc(hidden)]
    fn shorten<'a>(seen: Self::Seen<'static>) -> Self::Seen<'a>;
}

/// The pointer leads to a `T`.
#[derive(Debug)]
pub struct Required<T>(PhantomData<T>);

/// The pointer is null or leads to a `T`.
#[derive(Debug)]
pub struct Optional<T>(PhantomData<T>);

/// The NPI defines no such structure: null is handed over, and what comes from a
/// peer is not looked at.
#[derive(Debug)]
pub struct Absent(());

impl<T> sealed::Sealed for Required<T> {}
impl<T> sealed::Sealed for Optional<T> {}
impl sealed::Sealed for Absent {}

impl<T: Layout + Sync> Handed for Required<T> {
    type Own = &'static T;
    type Seen<'a> = &'a T;
    const CHECK: Check = T::CHECK;
    const SIZES: [usize; 2] = [T::USED, size_of::<T>()];

    fn pointer(own: &'static T) -> *const c_void {
        ptr::from_ref(own).cast()
    }

    unsafe fn see<'a>(pointer: *const c_void) -> Result<&'a T> {
        // SAFETY: by this function's contract, which is that of the callee.
        unsafe { checked(pointer.cast()) }
    }

    fn shorten<'a>(seen: &'static T) -> &'a T {
        seen
    }
}

impl<T: Layout + Sync> Handed for Optional<T> {
    type Own = Option<&'static T>;
    type Seen<'a> = Option<&'a T>;
    const CHECK: Check = T::CHECK;
    const SIZES: [usize; 2] = [T::USED, size_of::<T>()];

    fn pointer(own: Option<&'static T>) -> *const c_void {
        own.map_or(ptr::null(), |own| ptr::from_ref(own).cast())
    }

    unsafe fn see<'a>(pointer: *const c_void) -> Result<Option<&'a T>> {
        if pointer.is_null() {
            return Ok(None);
        }
        // SAFETY: by this function's contract, which is that of the callee.
        unsafe { checked(pointer.cast()) }.map(Some)
    }

    fn shorten<'a>(seen: Option<&'static T>) -> Option<&'a T> {
        seen
    }
}

impl Handed for Absent {
    type Own = ();
    type Seen<'a> = ();
    const CHECK: Check = Check::NONE;
    const SIZES: [usize; 2] = [0, 0];

    fn pointer((): ()) -> *const c_void {
        ptr::null()
    }

    unsafe fn see<'a>(_pointer: *const c_void) -> Result<Self::Seen<'a>> {
        Ok(())
    }

    fn shorten<'a>((): Self::Seen<'static>) -> Self::Seen<'a> {}
}

/// Panics, at compile time, if a module's own structure announces another size
/// than it has, or a version that it would not accept itself.
pub(crate) const fn assert_whole<H: Handed>(own: &H::Own) {
    let [used, whole] = H::SIZES;
    if whole == 0 {
        return;
    }
    // SAFETY: the trait is sealed: what has a size hands over a reference or an
    // optional reference, and both have the form of a pointer.
    let pointer = unsafe { *ptr::from_ref(own).cast::<*const u8>() };
    if pointer.is_null() {
        return;
    }
    // SAFETY: the reference leads to a structure whose check this is.
    match unsafe { H::CHECK.announced(pointer) } {
        Some(size) => assert!(
            size == used as u64 || size == whole as u64 || H::CHECK.size.is_none(),
            "a header must announce the size of its structure"
        ),
        None => panic!("a header must announce a version that its module accepts"),
    }
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
