// SPDX-License-Identifier: MIT OR Apache-2.0

//! The buffer of a `METHOD_BUFFERED` request, which has the input and later the output.
//!
//! <https://learn.microsoft.com/windows-hardware/drivers/kernel/buffer-descriptions-for-i-o-control-codes>

use core::mem::MaybeUninit;
use core::slice;

use nmr::header::{Header, Plain};
use nmr::layout::Layout;
use nmr::{NtStatus, Result};

/// A request's buffer.
///
/// The input is read before the first byte of the output is written.
///
/// # Invariants
///
/// Neither `input` nor `output` exceeds the number of bytes. The first `input` bytes are
/// initialized.
#[derive(Debug)]
pub struct Buffer<'request> {
    bytes: &'request mut [MaybeUninit<u8>],
    input: usize,
    output: usize,
}

impl<'request> Buffer<'request> {
    /// Wraps `bytes`, which have `input` bytes of input and room for `output` bytes of output.
    /// Both lengths are limited to the number of bytes. Any IRQL.
    ///
    /// # Safety
    ///
    /// The first `input` bytes are initialized.
    #[must_use]
    pub unsafe fn new(bytes: &'request mut [MaybeUninit<u8>], input: usize, output: usize) -> Self {
        Self {
            input: input.min(bytes.len()),
            output: output.min(bytes.len()),
            bytes,
        }
    }

    /// Returns the input as a `T`.
    ///
    /// # Errors
    ///
    /// `STATUS_INFO_LENGTH_MISMATCH` if the input is shorter than a `T`, or its
    /// header states a size less than a `T` or more than the input;
    /// `STATUS_REVISION_MISMATCH` for version 0.
    pub(super) fn input<T: Layout + Copy>(&self) -> Result<T> {
        let input = self.bytes.get(..self.input).unwrap_or_default();
        // SAFETY: by the invariant the first `input` bytes are initialized.
        let input = unsafe { slice::from_raw_parts(input.as_ptr().cast::<u8>(), input.len()) };
        let header: Header = read(input)?;
        let value = read(input)?;
        let size = usize::from(header.size);
        if size < size_of::<T>() || size > input.len() {
            return Err(NtStatus::INFO_LENGTH_MISMATCH);
        }
        if header.version == 0 {
            return Err(NtStatus::REVISION_MISMATCH);
        }
        Ok(value)
    }

    /// Writes `value` at the start of the output, and returns the offset of its end.
    ///
    /// # Errors
    ///
    /// `STATUS_BUFFER_TOO_SMALL` if it does not fit.
    pub(super) fn answer<T: Plain>(&mut self, value: T) -> Result<usize> {
        self.write(0, value).ok_or(NtStatus::BUFFER_TOO_SMALL)
    }

    /// Writes `value` at `offset`. Returns the offset of its end, or `None` if it does not fit.
    pub(super) fn write<T: Plain>(&mut self, offset: usize, value: T) -> Option<usize> {
        let end = offset.checked_add(size_of::<T>())?;
        let place = self.bytes.get_mut(..self.output)?.get_mut(offset..end)?;
        // SAFETY: the place has the size of a `T`, which is enough for an unaligned write, and a
        // `Plain` type leaves no byte uninitialized.
        unsafe { place.as_mut_ptr().cast::<T>().write_unaligned(value) };
        Some(end)
    }
}

/// Reads the first bytes of `bytes` as a `T`.
fn read<T: Layout + Copy>(bytes: &[u8]) -> Result<T> {
    let bytes = bytes
        .get(..size_of::<T>())
        .ok_or(NtStatus::INFO_LENGTH_MISMATCH)?;
    // SAFETY: there are as many bytes as a `T` has, and by the contract of `AnyBits` any bits
    // are a valid `T`; an unaligned read needs no more.
    Ok(unsafe { bytes.as_ptr().cast::<T>().read_unaligned() })
}
