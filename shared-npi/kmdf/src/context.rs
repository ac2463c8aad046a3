// SPDX-License-Identifier: MIT OR Apache-2.0

//! Contexts: memory of the driver's that belongs to an object of the framework's.
//!
//! <https://learn.microsoft.com/windows-hardware/drivers/wdf/framework-object-context-space>

use core::ffi::{CStr, c_void};
use core::marker::PhantomData;
use core::ptr;

use crate::abi::{WDF_OBJECT_CONTEXT_TYPE_INFO, WDFFILEOBJECT};
use crate::framework::{Framework, call};

/// A context's type: a `static`.
#[derive(Debug)]
pub struct ContextType<T> {
    info: WDF_OBJECT_CONTEXT_TYPE_INFO,
    of: PhantomData<fn() -> T>,
}

// SAFETY: it is never changed, and what it points to neither.
unsafe impl<T> Sync for ContextType<T> {}

impl<T> ContextType<T> {
    /// The type with this name, for debuggers.
    #[must_use]
    pub const fn new(name: &'static CStr) -> Self {
        Self {
            info: WDF_OBJECT_CONTEXT_TYPE_INFO {
                Size: WDF_OBJECT_CONTEXT_TYPE_INFO::SIZE,
                ContextName: name.as_ptr().cast(),
                ContextSize: size_of::<T>(),
                UniqueType: ptr::null(),
                EvtDriverGetUniqueContextType: ptr::null(),
            },
            of: PhantomData,
        }
    }

    pub(crate) const fn info(&'static self) -> *const WDF_OBJECT_CONTEXT_TYPE_INFO {
        &raw const self.info
    }

    /// `WdfObjectGetTypedContextWorker`: the context of a file; null where it has
    /// none of this type. IRQL <= `DISPATCH_LEVEL`.
    ///
    /// # Safety
    ///
    /// The file is there.
    #[must_use]
    pub unsafe fn of_file(&'static self, framework: Framework<'_>, file: WDFFILEOBJECT) -> *mut T {
        call!(framework, WdfObjectGetTypedContextWorkerTableIndex(
            file => WDFFILEOBJECT,
            self.info() => *const WDF_OBJECT_CONTEXT_TYPE_INFO,
        ) -> *mut c_void)
        .cast()
    }
}
