// SPDX-License-Identifier: MIT OR Apache-2.0

//! The contract of a pointer to a structure: required, optional or absent.

use core::ffi::c_void;
use core::marker::PhantomData;
use core::ptr;

use super::{Check, Layout, checked};
use crate::Result;

mod sealed {
    pub trait Sealed {}
}

/// [`Optional`] or [`Absent`]: a pointer that may be null.
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
    /// The value that a module passes to its peers.
    type Own: Copy + Send + Sync + 'static;

    /// A peer's structure after its check.
    type Seen<'a>: Copy;

    /// The check of the structure.
    #[doc(hidden)]
    const CHECK: Check;

    /// The sizes in bytes that a module's own structure may state: without the padding at its
    /// end, and with it.
    #[doc(hidden)]
    const SIZES: [usize; 2];

    /// Returns the pointer that is passed to the peer.
    #[doc(hidden)]
    fn pointer(own: Self::Own) -> *const c_void;

    /// Checks a pointer from the peer.
    ///
    /// # Safety
    ///
    /// As for [`checked`], with the structure of this type.
    #[doc(hidden)]
    unsafe fn see<'a>(pointer: *const c_void) -> Result<Self::Seen<'a>>;

    /// Shortens the lifetime of a checked structure.
    #[doc(hidden)]
    fn shorten<'a>(seen: Self::Seen<'static>) -> Self::Seen<'a>;
}

/// A pointer to a `T`, which is not null.
#[derive(Debug)]
pub struct Required<T>(PhantomData<T>);

/// A pointer to a `T`, or null.
#[derive(Debug)]
pub struct Optional<T>(PhantomData<T>);

/// The NPI defines no such structure: a module passes null, and ignores the peer's pointer.
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
        // SAFETY: this function's contract is that of `checked`.
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
        // SAFETY: this function's contract is that of `checked`.
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

/// Panics at compile time if a module's own structure states a wrong size, or a version that
/// the module would not accept itself.
pub(crate) const fn assert_whole<H: Handed>(own: &H::Own) {
    let [used, whole] = H::SIZES;
    if whole == 0 {
        return;
    }
    // SAFETY: the trait is sealed: a type whose check has a size passes a reference or an
    // optional reference, both of which are represented as a pointer.
    let pointer = unsafe { *ptr::from_ref(own).cast::<*const u8>() };
    if pointer.is_null() {
        return;
    }
    // SAFETY: the reference points to a structure of this check.
    match unsafe { H::CHECK.announced(pointer) } {
        Some(size) => assert!(
            size == used as u64 || size == whole as u64 || H::CHECK.size.is_none(),
            "a header must announce the size of its structure"
        ),
        None => panic!("a header must announce a version that its module accepts"),
    }
}
