// SPDX-License-Identifier: MIT OR Apache-2.0

//! A request that the framework has presented to the driver.

use core::mem::MaybeUninit;
use core::ptr::{self, NonNull};
use core::slice;

use nmr::NtStatus;

use crate::abi::{WDFFILEOBJECT, WDFREQUEST};
use crate::framework::{Framework, call};

/// A request that this driver has to complete.
///
/// # Invariants
///
/// Until then the framework knows it.
#[derive(Debug)]
#[must_use = "a request is completed"]
pub struct Request<'bound> {
    handle: WDFREQUEST,
    framework: Framework<'bound>,
}

impl<'bound> Request<'bound> {
    /// # Safety
    ///
    /// The framework has passed `handle` to a callback that is running, and it
    /// becomes no second `Request`.
    pub const unsafe fn new(handle: WDFREQUEST, framework: Framework<'bound>) -> Self {
        Self { handle, framework }
    }

    /// `WdfRequestGetFileObject`; none where another driver has sent the request
    /// without a file. IRQL <= `DISPATCH_LEVEL`.
    #[must_use]
    pub fn file(&self) -> Option<WDFFILEOBJECT> {
        let file = call!(self.framework, WdfRequestGetFileObjectTableIndex(
            self.handle => WDFREQUEST,
        ) -> WDFFILEOBJECT);
        (!file.is_null()).then_some(file)
    }

    /// What is sent and where the answer goes, which is one place, of a request
    /// with `METHOD_BUFFERED` whose lengths these are. IRQL <= `DISPATCH_LEVEL`.
    ///
    /// # Safety
    ///
    /// It is such a request.
    pub unsafe fn buffer(&mut self, input: usize, output: usize) -> &mut [MaybeUninit<u8>] {
        let mut place: *mut u8 = ptr::null_mut();
        let mut length = 0_usize;
        // `WdfRequestRetrieveInputBuffer` and `WdfRequestRetrieveOutputBuffer`
        // answer no more than what was sent and what there is room for: the longer
        // one is the whole.
        let status = if input < output {
            call!(self.framework, WdfRequestRetrieveOutputBufferTableIndex(
                self.handle => WDFREQUEST,
                output => usize,
                &raw mut place => *mut *mut u8,
                &raw mut length => *mut usize,
            ) -> i32)
        } else {
            call!(self.framework, WdfRequestRetrieveInputBufferTableIndex(
                self.handle => WDFREQUEST,
                input => usize,
                &raw mut place => *mut *mut u8,
                &raw mut length => *mut usize,
            ) -> i32)
        };
        match NonNull::new(place) {
            // SAFETY: the framework says that so many bytes are there; they are
            // this driver's until the request is completed.
            Some(place) if NtStatus(status).is_success() => unsafe {
                slice::from_raw_parts_mut(place.as_ptr().cast(), length)
            },
            _ => Default::default(),
        }
    }

    /// `WdfRequestCompleteWithInformation`, with so many bytes of answer.
    /// IRQL <= `DISPATCH_LEVEL`.
    pub fn complete(self, status: NtStatus, length: usize) {
        call!(self.framework, WdfRequestCompleteWithInformationTableIndex(
            self.handle => WDFREQUEST,
            status.0 => i32,
            length => usize,
        ) -> ());
    }
}
