// SPDX-License-Identifier: MIT OR Apache-2.0

//! Object context space: memory that a driver attaches to framework objects.
//!
//! <https://learn.microsoft.com/windows-hardware/drivers/wdf/framework-object-context-space>

use core::ffi::{CStr, c_void};
use core::marker::PhantomData;
use core::ptr;

use crate::abi::{WDF_OBJECT_CONTEXT_TYPE_INFO, WDFFILEOBJECT};
use crate::framework::{Framework, call};

/// A type of context, which holds a `T`: a `static`.
pub(crate) struct ContextType<T> {
    info: WDF_OBJECT_CONTEXT_TYPE_INFO,
    context: PhantomData<fn() -> T>,
}

// SAFETY: neither the structure nor the name that it points to ever changes.
unsafe impl<T> Sync for ContextType<T> {}

impl<T> ContextType<T> {
    /// The type of context with this name, which debuggers show. Any IRQL.
    #[must_use]
    pub(crate) const fn new(name: &'static CStr) -> Self {
        // The alignment of context space is that of the pool.
        const { assert!(align_of::<T>() <= 2 * size_of::<usize>()) };
        Self {
            info: WDF_OBJECT_CONTEXT_TYPE_INFO {
                Size: WDF_OBJECT_CONTEXT_TYPE_INFO::SIZE,
                ContextName: name.as_ptr().cast(),
                ContextSize: size_of::<T>(),
                UniqueType: ptr::null(),
                EvtDriverGetUniqueContextType: ptr::null(),
            },
            context: PhantomData,
        }
    }

    pub(crate) const fn info(&'static self) -> *const WDF_OBJECT_CONTEXT_TYPE_INFO {
        &raw const self.info
    }

    /// Returns the context of a file, or null if it has none of this type:
    /// `WdfObjectGetTypedContextWorker`. IRQL <= `DISPATCH_LEVEL`.
    ///
    /// # Safety
    ///
    /// `file` is a valid handle.
    #[must_use]
    pub(crate) unsafe fn of_file(
        &'static self,
        framework: Framework<'_>,
        file: WDFFILEOBJECT,
    ) -> *mut T {
        call!(framework, WdfObjectGetTypedContextWorkerTableIndex(
            file => WDFFILEOBJECT,
            self.info() => *const WDF_OBJECT_CONTEXT_TYPE_INFO,
        ) -> *mut c_void)
        .cast()
    }
}
