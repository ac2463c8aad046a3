// SPDX-License-Identifier: MIT OR Apache-2.0

//! Memory that Winsock Kernel sends from or receives into.

use alloc::boxed::Box;
use core::ptr::{self, NonNull};

use nmr::memory::try_box;
use nmr::{NtStatus, Result};
use wdk_sys::MDL;
use wdk_sys::ntddk::{IoAllocateMdl, IoFreeMdl, MmBuildMdlForNonPagedPool};

use crate::wsk::Buf;

/// Bytes in non-paged pool, and the MDL that describes them.
pub(crate) struct Buffer<const LENGTH: usize> {
    bytes: Box<[u8; LENGTH]>,
    mdl: NonNull<MDL>,
}

impl<const LENGTH: usize> Buffer<LENGTH> {
    pub(crate) fn new(bytes: [u8; LENGTH]) -> Result<Self> {
        let mut bytes = try_box(bytes)?;
        let length = u32::try_from(LENGTH).map_err(|_| NtStatus::INVALID_PARAMETER)?;
        let start = bytes.as_mut_ptr().cast();
        // SAFETY: MDLs may be allocated at any IRQL up to `DISPATCH_LEVEL`.
        let mdl = unsafe { IoAllocateMdl(start, length, 0, 0, ptr::null_mut()) };
        let mdl = NonNull::new(mdl).ok_or(NtStatus::INSUFFICIENT_RESOURCES)?;
        // SAFETY: boxes are in non-paged pool.
        unsafe { MmBuildMdlForNonPagedPool(mdl.as_ptr()) };
        Ok(Self { bytes, mdl })
    }

    pub(crate) fn bytes(&self) -> &[u8; LENGTH] {
        &self.bytes
    }

    /// What begins at `offset`, as Winsock Kernel wants it.
    pub(crate) fn from(&self, offset: usize) -> Buf {
        Buf {
            mdl: self.mdl.as_ptr(),
            offset: u32::try_from(offset).unwrap_or_default(),
            length: LENGTH - offset,
        }
    }
}

impl<const LENGTH: usize> Drop for Buffer<LENGTH> {
    fn drop(&mut self) {
        // SAFETY: no request with the buffer is pending: each is waited for.
        unsafe { IoFreeMdl(self.mdl.as_ptr()) };
    }
}
