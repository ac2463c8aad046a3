// SPDX-License-Identifier: MIT OR Apache-2.0

//! Calls of the framework's functions: through a table, with the driver's
//! globals as first argument.

use core::marker::PhantomData;
use core::ptr;
use core::sync::atomic::{AtomicPtr, Ordering};

use nmr::{NtStatus, Result};
use wdk_sys::{DRIVER_OBJECT, PCUNICODE_STRING};

use crate::abi::{self, WDF_DRIVER_CONFIG, WDF_DRIVER_GLOBALS, WDFDRIVER, WDFFUNC};

/// The framework's table of functions; null while the image is not bound.
pub(crate) static FUNCTIONS: AtomicPtr<WDFFUNC> = AtomicPtr::new(ptr::null_mut());
/// What the framework knows the driver by; null while the image is not bound.
pub(crate) static GLOBALS: AtomicPtr<WDF_DRIVER_GLOBALS> = AtomicPtr::new(ptr::null_mut());

/// The framework that the image is bound to.
///
/// # Invariants
///
/// During `'bound` both are valid: `functions` is the table of all functions of
/// KMDF 1.15, `globals` is what the framework knows this driver by.
#[derive(Clone, Copy, Debug)]
pub struct Framework<'bound> {
    functions: *const WDFFUNC,
    globals: *mut WDF_DRIVER_GLOBALS,
    bound: PhantomData<&'bound ()>,
}

/// Calls a function of the framework: its place, its arguments, its result. These
/// are those of the function, and where the call is, its contract is kept.
macro_rules! call {
    ($framework:expr, $place:ident($($argument:expr => $type:ty),* $(,)?) -> $result:ty) => {{
        type Function =
            unsafe extern "C" fn(*mut $crate::abi::WDF_DRIVER_GLOBALS $(, $type)*) -> $result;
        let globals = $framework.globals();
        let entry = $framework.function($crate::abi::$place);
        // SAFETY: by the invariant of `Framework` the entry is there; it has this
        // type.
        let function = unsafe { *entry.cast::<Function>() };
        // SAFETY: the globals are the driver's; for the rest by this macro's contract.
        unsafe { function(globals $(, $argument)*) }
    }};
}
pub(crate) use call;

impl<'bound> Framework<'bound> {
    /// The framework that this image is bound to. Any IRQL.
    ///
    /// # Safety
    ///
    /// During `'bound` the image is bound, as it is in `DriverEntry` and in every
    /// callback of the framework's.
    #[must_use]
    pub unsafe fn bound() -> Self {
        Self {
            functions: FUNCTIONS.load(Ordering::Relaxed),
            globals: GLOBALS.load(Ordering::Relaxed),
            bound: PhantomData,
        }
    }

    pub(crate) const fn globals(self) -> *mut WDF_DRIVER_GLOBALS {
        self.globals
    }

    /// The place of a function in the table.
    pub(crate) const fn function(self, place: usize) -> *const WDFFUNC {
        self.functions.wrapping_add(place)
    }

    /// `WdfDriverCreate`, without attributes. IRQL = `PASSIVE_LEVEL`.
    ///
    /// <https://learn.microsoft.com/windows-hardware/drivers/ddi/wdfdriver/nf-wdfdriver-wdfdrivercreate>
    ///
    /// # Errors
    ///
    /// What the framework answers.
    ///
    /// # Safety
    ///
    /// In `DriverEntry`, with its arguments; the functions in `config` may be
    /// called as long as the driver is loaded.
    pub unsafe fn create_driver(
        self,
        driver: &mut DRIVER_OBJECT,
        registry_path: PCUNICODE_STRING,
        config: &mut WDF_DRIVER_CONFIG,
    ) -> Result<Driver<'bound>> {
        let mut created = ptr::null_mut();
        let status = call!(self, WdfDriverCreateTableIndex(
            driver => *mut DRIVER_OBJECT,
            registry_path => PCUNICODE_STRING,
            ptr::null_mut() => *mut abi::WDF_OBJECT_ATTRIBUTES,
            config => *mut WDF_DRIVER_CONFIG,
            &raw mut created => *mut WDFDRIVER,
        ) -> i32);
        NtStatus(status).ok()?;
        Ok(Driver {
            handle: created,
            framework: self,
        })
    }
}

/// The framework driver object, which the framework deletes after
/// `EvtDriverUnload` or a failed `DriverEntry`, with all that belongs to it.
#[derive(Clone, Copy, Debug)]
pub struct Driver<'bound> {
    pub(crate) handle: WDFDRIVER,
    pub(crate) framework: Framework<'bound>,
}
