// SPDX-License-Identifier: MIT OR Apache-2.0

//! A request that the framework has presented to the driver.
//!
//! <https://learn.microsoft.com/windows-hardware/drivers/wdf/framework-request-objects>

use core::mem::MaybeUninit;
use core::ptr::{self, NonNull};
use core::slice;

use nmr::NtStatus;

use crate::abi::{WDFFILEOBJECT, WDFREQUEST};
use crate::framework::{Framework, call};

/// A request that this driver must complete.
///
/// # Invariants
///
/// `handle` is valid until the request is completed.
#[must_use = "a request must be completed"]
pub(crate) struct Request<'bound> {
    handle: WDFREQUEST,
    framework: Framework<'bound>,
}

impl<'bound> Request<'bound> {
    /// Wraps the request with this handle. Any IRQL.
    ///
    /// # Safety
    ///
    /// The framework has passed `handle` to a callback that is running, and no other
    /// `Request` is made of it.
    pub(crate) const unsafe fn new(handle: WDFREQUEST, framework: Framework<'bound>) -> Self {
        Self { handle, framework }
    }

    /// The file through which the request came, or `None` if another driver sent it without a
    /// file: `WdfRequestGetFileObject`. IRQL <= `DISPATCH_LEVEL`.
    #[must_use]
    pub(crate) fn file(&self) -> Option<WDFFILEOBJECT> {
        let file = call!(self.framework, WdfRequestGetFileObjectTableIndex(
            self.handle => WDFREQUEST,
        ) -> WDFFILEOBJECT);
        (!file.is_null()).then_some(file)
    }

    /// The system buffer, which has the input and later the output. It is empty if the request
    /// has no buffer. IRQL <= `DISPATCH_LEVEL`.
    ///
    /// # Safety
    ///
    /// The request is a control request with `METHOD_BUFFERED`, and these are its
    /// lengths.
    pub(crate) unsafe fn buffer(&mut self, input: usize, output: usize) -> &mut [MaybeUninit<u8>] {
        let mut buffer: *mut u8 = ptr::null_mut();
        let mut length = 0_usize;
        // `WdfRequestRetrieveInputBuffer` and `WdfRequestRetrieveOutputBuffer` return
        // the same buffer, each with its own length: the longer one is the whole.
        let status = if input < output {
            call!(self.framework, WdfRequestRetrieveOutputBufferTableIndex(
                self.handle => WDFREQUEST,
                output => usize,
                &raw mut buffer => *mut *mut u8,
                &raw mut length => *mut usize,
            ) -> i32)
        } else {
            call!(self.framework, WdfRequestRetrieveInputBufferTableIndex(
                self.handle => WDFREQUEST,
                input => usize,
                &raw mut buffer => *mut *mut u8,
                &raw mut length => *mut usize,
            ) -> i32)
        };
        match NonNull::new(buffer) {
            // SAFETY: the framework has returned a buffer of `length` bytes, which
            // nothing else uses until the request is completed.
            Some(buffer) if NtStatus(status).is_success() => unsafe {
                slice::from_raw_parts_mut(buffer.as_ptr().cast(), length)
            },
            _ => Default::default(),
        }
    }

    /// Completes the request with `length` bytes of output:
    /// `WdfRequestCompleteWithInformation`. IRQL <= `DISPATCH_LEVEL`.
    pub(crate) fn complete(self, status: NtStatus, length: usize) {
        call!(self.framework, WdfRequestCompleteWithInformationTableIndex(
            self.handle => WDFREQUEST,
            status.0 => i32,
            length => usize,
        ) -> ());
    }
}
