// SPDX-License-Identifier: MIT OR Apache-2.0

//! The number of processors, and of the current one.

#[cfg(all(not(loom), not(windows)))]
pub(super) use host::{count, current};
#[cfg(all(not(loom), windows))]
pub(super) use kernel::{count, current};
#[cfg(loom)]
pub use model::run_on;
#[cfg(loom)]
pub(super) use model::{count, current};

/// The functions of the Windows kernel.
#[cfg(all(not(loom), windows))]
mod kernel {
    use core::ffi::c_void;
    use core::ptr;

    const ALL_PROCESSOR_GROUPS: u16 = 0xFFFF;

    unsafe extern "system" {
        /// <https://learn.microsoft.com/windows-hardware/drivers/ddi/ntddk/nf-ntddk-kegetcurrentprocessornumberex>
        fn KeGetCurrentProcessorNumberEx(number: *mut c_void) -> u32;
        /// <https://learn.microsoft.com/windows-hardware/drivers/ddi/ntddk/nf-ntddk-kequeryactiveprocessorcountex>
        fn KeQueryActiveProcessorCountEx(group: u16) -> u32;
    }

    /// The number of processors. Any IRQL.
    pub(crate) fn count() -> usize {
        // SAFETY: it takes any group number.
        unsafe { KeQueryActiveProcessorCountEx(ALL_PROCESSOR_GROUPS) as usize }
    }

    /// The number of the processor that the caller runs on, from 0. Any IRQL.
    #[inline]
    pub(crate) fn current() -> usize {
        // SAFETY: the parameter may be null.
        unsafe { KeGetCurrentProcessorNumberEx(ptr::null_mut()) as usize }
    }
}

/// The functions of a host. They need to be fast, not exact.
#[cfg(all(not(loom), not(windows)))]
mod host {
    #[cfg(target_os = "linux")]
    use core::ffi::c_int;

    pub(crate) const fn count() -> usize {
        16
    }

    #[cfg(target_os = "linux")]
    #[inline]
    pub(crate) fn current() -> usize {
        unsafe extern "C" {
            safe fn sched_getcpu() -> c_int;
        }
        sched_getcpu().cast_unsigned() as usize
    }

    #[cfg(not(target_os = "linux"))]
    pub(crate) const fn current() -> usize {
        0
    }
}

/// The functions for the model checker, in which a model moves threads between processors.
#[cfg(loom)]
mod model {
    use core::cell::Cell;

    loom::thread_local! {
        static HERE: Cell<usize> = Cell::new(0);
    }

    /// Two processors: enough for a thread to move.
    pub(crate) fn count() -> usize {
        2
    }

    pub(crate) fn current() -> usize {
        HERE.with(Cell::get)
    }

    /// Moves the calling thread to a processor.
    pub fn run_on(processor: usize) {
        HERE.with(|here| here.set(processor));
    }
}
