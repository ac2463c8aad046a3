// SPDX-License-Identifier: MIT OR Apache-2.0

//! The functions of a module's dispatch table.
//!
//! A peer passes the binding context and the arguments that the NPI defines.
//! [`dispatch_fn!`](crate::dispatch_fn) declares such a function with checked arguments:
//! [`Lent`] is a structure to be read, [`Out`] a structure to be filled in, [`Value`] a
//! number.

use core::mem::ManuallyDrop;
use core::ops::Deref;
use core::ptr::NonNull;

use crate::abi::NTSTATUS;
use crate::layout::{AnyBits, Layout, checked, checked_pointer};
use crate::{NtStatus, Result};

/// A checked argument of a dispatch function.
///
/// # Safety
///
/// The result of [`check`](Self::check) is sound to use during `'call` if the peer keeps the
/// contract of the NPI.
pub unsafe trait Argument<'call>: Sized {
    /// The argument as the peer passes it.
    type Raw;

    /// Checks the argument.
    ///
    /// # Errors
    ///
    /// `STATUS_INVALID_PARAMETER` if it is malformed.
    ///
    /// # Safety
    ///
    /// `raw` was passed by a peer that keeps the contract of the NPI, in a call that
    /// lasts for `'call`.
    unsafe fn check(raw: Self::Raw) -> Result<Self>;
}

/// A structure to be read, which is valid during the call.
#[derive(Clone, Copy, Debug)]
pub struct Lent<'call, T>(&'call T);

impl<T> Deref for Lent<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.0
    }
}

// SAFETY: the pointer is checked, and by the contract of the NPI valid during the call.
unsafe impl<'call, T: Layout> Argument<'call> for Lent<'call, T> {
    type Raw = *const T;

    unsafe fn check(raw: *const T) -> Result<Self> {
        // SAFETY: by this function's contract the peer lends a structure of the NPI.
        unsafe { checked(raw) }.map(Self)
    }
}

/// A structure to be filled in, which is valid during the call.
#[derive(Debug)]
pub struct Out<'call, T>(NonNull<T>, core::marker::PhantomData<&'call mut T>);

impl<T: Layout> Out<'_, T> {
    /// Fills in the structure, except for the padding at its end, where a later version may
    /// have a field.
    pub fn write(self, value: T) {
        let value = ManuallyDrop::new(value);
        let bytes = NonNull::from(&*value).cast::<u8>();
        // SAFETY: the structure has at least `T::USED` bytes, by its check, and is writable
        // during the call.
        unsafe { bytes.copy_to_nonoverlapping(self.0.cast(), T::USED) };
    }
}

// SAFETY: the pointer is checked, and by the contract of the NPI writable during the call.
unsafe impl<'call, T: Layout> Argument<'call> for Out<'call, T> {
    type Raw = *mut T;

    unsafe fn check(raw: *mut T) -> Result<Self> {
        // SAFETY: by this function's contract the peer lends a structure of the NPI.
        unsafe { checked_pointer(raw) }.map(|place| Self(place, core::marker::PhantomData))
    }
}

/// A number, or a structure passed by value.
#[derive(Clone, Copy, Debug)]
pub struct Value<T>(pub T);

// SAFETY: any bits are a value of the type.
unsafe impl<T: AnyBits> Argument<'_> for Value<T> {
    type Raw = T;

    unsafe fn check(raw: T) -> Result<Self> {
        Ok(Self(raw))
    }
}

/// The result of a dispatch function.
pub trait Returned {
    /// Returns the result for an argument that was refused with `status`.
    fn refused(status: NtStatus) -> Self;
}

impl Returned for NTSTATUS {
    fn refused(status: NtStatus) -> Self {
        status.0
    }
}

impl Returned for () {
    fn refused(_status: NtStatus) {}
}

/// Declares a function of the dispatch table of a module `M`. Its first argument is
/// the [`Binding<M>`](crate::Binding) whose context the peer passes, and the others are
/// [`Argument`](crate::dispatch::Argument)s. If an argument is refused, the function returns
/// that status and the body does not run.
///
/// `fn name[M: Bound](binding: &Binding<M>, ..)` declares a function for any module, and
/// `fn name(binding: &Binding<Module>, ..)` one for a single module. The bound is in square
/// brackets, because the macro does not parse `<M: Bound>`, and `Binding` is imported,
/// because it does not parse a path. A function with more arguments than the binding returns
/// a [`Returned`](crate::dispatch::Returned).
///
/// ```
/// use nmr::abi::NTSTATUS;
/// use nmr::dispatch::Value;
/// use nmr::{Binding, Module, NtStatus};
///
/// nmr::dispatch_fn! {
///     /// Adds to a count. IRQL <= `DISPATCH_LEVEL`.
///     fn add[M: Module](binding: &Binding<M>, number: Value<u64>) -> NTSTATUS {
///         let _ = (binding.module(), number.0);
///         NtStatus::SUCCESS.0
///     }
/// }
/// ```
#[macro_export]
macro_rules! dispatch_fn {
    (
        $(#[$meta:meta])*
        $vis:vis fn $name:ident [$module:ident: $($bound:tt)+] (
            $binding:ident: &$end:ident<$_module:ident> $(, $argument:ident: $type:ty)* $(,)?
        ) $(-> $result:ty)? $body:block
    ) => {
        $crate::dispatch_fn! {
            @ $(#[$meta])*
            $vis fn $name [$module: $($bound)+] (
                $binding: &$end<$module> $(, $argument: $type)*
            ) $(-> $result)? $body
        }
    };
    (
        $(#[$meta:meta])*
        $vis:vis fn $name:ident (
            $binding:ident: &$end:ident<$module:ty> $(, $argument:ident: $type:ty)* $(,)?
        ) $(-> $result:ty)? $body:block
    ) => {
        $crate::dispatch_fn! {
            @ $(#[$meta])*
            $vis fn $name [] (
                $binding: &$end<$module> $(, $argument: $type)*
            ) $(-> $result)? $body
        }
    };
    (
        @ $(#[$meta:meta])*
        $vis:vis fn $name:ident [$($generic:tt)*] (
            $binding:ident: &$end:ident<$module:ty> $(, $argument:ident: $type:ty)*
        ) $(-> $result:ty)? $body:block
    ) => {
        $(#[$meta])*
        ///
        /// # Safety
        ///
        /// Called by a peer that keeps the contract of the NPI, with the binding
        /// context that this module gave it, while the binding is attached.
        $vis unsafe extern "system" fn $name<'call, $($generic)*>(
            context: *mut ::core::ffi::c_void,
            $($argument: <$type as $crate::dispatch::Argument<'call>>::Raw,)*
        ) $(-> $result)? {
            // A safe function, so that the body is safe code, and cannot keep the binding
            // after the call.
            fn dispatch_body<'call, $($generic)*>(
                $binding: &'call $end<$module>
                $(, $argument: $type)*
            ) $(-> $result)? $body

            // SAFETY: by this function's contract.
            let binding = unsafe { $crate::Binding::<$module>::from_context(context) };
            $(
                // SAFETY: by this function's contract.
                let $argument = match unsafe {
                    <$type as $crate::dispatch::Argument<'call>>::check($argument)
                } {
                    Ok(checked) => checked,
                    Err(status) => return $crate::dispatch::Returned::refused(status),
                };
            )*
            dispatch_body(binding $(, $argument)*)
        }
    };
}
