// SPDX-License-Identifier: MIT OR Apache-2.0

//! Calls of the framework's functions, which go through a table and take the
//! driver's globals as their first argument.

use core::marker::PhantomData;
use core::ptr;
use core::sync::atomic::{AtomicPtr, Ordering};

use nmr::{NtStatus, Result};
use wdk_sys::{DRIVER_OBJECT, PCUNICODE_STRING};

use crate::abi::{self, WDF_DRIVER_CONFIG, WDF_DRIVER_GLOBALS, WDFDRIVER, WDFFUNC};

/// The framework's function table; null while the image is not bound.
pub(crate) static FUNCTIONS: AtomicPtr<WDFFUNC> = AtomicPtr::new(ptr::null_mut());
/// The globals of this driver; null while the image is not bound.
pub(crate) static GLOBALS: AtomicPtr<WDF_DRIVER_GLOBALS> = AtomicPtr::new(ptr::null_mut());

/// The framework to which the image is bound.
///
/// # Invariants
///
/// During `'bound` both pointers are valid: `functions` is the table of all functions
/// of KMDF 1.15, `globals` are the globals of this driver.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Framework<'bound> {
    functions: *const WDFFUNC,
    globals: *mut WDF_DRIVER_GLOBALS,
    bound: PhantomData<&'bound ()>,
}

/// Calls a function of the framework, given its index, its arguments and the type of its
/// result.
///
/// The types must be those of the function, and each use of the macro must keep the function's
/// contract: the macro contains the `unsafe` blocks of the call.
macro_rules! call {
    ($framework:expr, $index:ident($($argument:expr => $type:ty),* $(,)?) -> $result:ty) => {{
        type Function =
            unsafe extern "C" fn(*mut $crate::abi::WDF_DRIVER_GLOBALS $(, $type)*) -> $result;
        let globals = $framework.globals();
        let entry = $framework.function($crate::abi::$index);
        // SAFETY: the table has this function by the invariant of `Framework`, and
        // the function has this type.
        let function = unsafe { *entry.cast::<Function>() };
        // SAFETY: by the invariant of `Framework` the globals are this driver's, and by the
        // macro's contract the arguments keep that of the function.
        unsafe { function(globals $(, $argument)*) }
    }};
}
pub(crate) use call;

impl<'bound> Framework<'bound> {
    /// Returns the framework to which this image is bound. Any IRQL.
    ///
    /// # Safety
    ///
    /// During `'bound` the image is bound. It is bound from before `Driver::load` until after
    /// `EvtDriverUnload`, which includes every callback of the framework.
    #[must_use]
    pub(crate) unsafe fn bound() -> Self {
        Self {
            functions: FUNCTIONS.load(Ordering::Relaxed),
            globals: GLOBALS.load(Ordering::Relaxed),
            bound: PhantomData,
        }
    }

    pub(crate) const fn globals(self) -> *mut WDF_DRIVER_GLOBALS {
        self.globals
    }

    /// The address of a function's entry in the table.
    pub(crate) const fn function(self, index: usize) -> *const WDFFUNC {
        self.functions.wrapping_add(index)
    }

    /// Creates the framework driver object, without attributes: `WdfDriverCreate`.
    /// IRQL = `PASSIVE_LEVEL`.
    ///
    /// <https://learn.microsoft.com/windows-hardware/drivers/ddi/wdfdriver/nf-wdfdriver-wdfdrivercreate>
    ///
    /// # Errors
    ///
    /// The framework's status.
    ///
    /// # Safety
    ///
    /// Called in `DriverEntry`, with its arguments; the callbacks in `config` may be
    /// called while the driver is loaded.
    pub(crate) unsafe fn create_driver(
        self,
        driver: &mut DRIVER_OBJECT,
        registry_path: PCUNICODE_STRING,
        config: &mut WDF_DRIVER_CONFIG,
    ) -> Result<DriverObject<'bound>> {
        let mut created = ptr::null_mut();
        let status = call!(self, WdfDriverCreateTableIndex(
            driver => *mut DRIVER_OBJECT,
            registry_path => PCUNICODE_STRING,
            ptr::null_mut() => *mut abi::WDF_OBJECT_ATTRIBUTES,
            config => *mut WDF_DRIVER_CONFIG,
            &raw mut created => *mut WDFDRIVER,
        ) -> i32);
        NtStatus(status).ok()?;
        Ok(DriverObject {
            handle: created,
            framework: self,
        })
    }
}

/// The framework driver object. The framework deletes it, and all objects that belong
/// to it, after `EvtDriverUnload` or a `DriverEntry` that fails.
///
/// # Invariants
///
/// `handle` is valid during `'bound`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DriverObject<'bound> {
    pub(crate) handle: WDFDRIVER,
    pub(crate) framework: Framework<'bound>,
}
