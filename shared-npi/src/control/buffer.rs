// SPDX-License-Identifier: MIT OR Apache-2.0

//! The one buffer of a `METHOD_BUFFERED` request: what was sent lies where the
//! answer will.

use core::mem::MaybeUninit;
use core::slice;

use nmr::header::{Headed, Header};
use nmr::{NtStatus, Result};

/// What may be answered.
///
/// # Safety
///
/// The type is `repr(C)` and has no padding: all its bytes are initialized.
pub(super) unsafe trait Plain: Copy {}

/// A request's buffer.
///
/// The input is read before the first byte of the output is written.
///
/// # Invariants
///
/// The first `input` bytes are there, and initialized; of the others only
/// `output` says how many there are.
#[derive(Debug)]
pub struct Buffer<'request> {
    bytes: &'request mut [MaybeUninit<u8>],
    input: usize,
    output: usize,
}

impl<'request> Buffer<'request> {
    /// `bytes` holds `input` bytes of what was sent, and has room for `output`
    /// bytes of answer; both are cut off at its end.
    ///
    /// # Safety
    ///
    /// The first `input` of the bytes are initialized.
    #[must_use]
    pub unsafe fn new(bytes: &'request mut [MaybeUninit<u8>], input: usize, output: usize) -> Self {
        Self {
            input: input.min(bytes.len()),
            output: output.min(bytes.len()),
            bytes,
        }
    }

    /// What was sent, as a `T`.
    ///
    /// # Errors
    ///
    /// `STATUS_INFO_LENGTH_MISMATCH` where there is less than a `T`, or the
    /// header says less than a `T` or more than was sent;
    /// `STATUS_REVISION_MISMATCH` for version 0.
    pub(super) fn input<T: Headed + Copy>(&self) -> Result<T> {
        let sent = self.bytes.get(..self.input).unwrap_or_default();
        // SAFETY: by the invariant these are initialized.
        let sent = unsafe { slice::from_raw_parts(sent.as_ptr().cast::<u8>(), sent.len()) };
        let header: Header = read(sent)?;
        let value = read(sent)?;
        let size = usize::from(header.size);
        if size < size_of::<T>() || size > sent.len() {
            return Err(NtStatus::INFO_LENGTH_MISMATCH);
        }
        if header.version == 0 {
            return Err(NtStatus::REVISION_MISMATCH);
        }
        Ok(value)
    }

    /// Answers `value`; how many bytes that are.
    ///
    /// # Errors
    ///
    /// `STATUS_BUFFER_TOO_SMALL`.
    pub(super) fn answer<T: Plain>(&mut self, value: T) -> Result<usize> {
        self.write(0, value).ok_or(NtStatus::BUFFER_TOO_SMALL)
    }

    /// Writes `value` at `offset`, if there is room for it; where it ends.
    pub(super) fn write<T: Plain>(&mut self, offset: usize, value: T) -> Option<usize> {
        let end = offset.checked_add(size_of::<T>())?;
        let place = self.bytes.get_mut(..self.output)?.get_mut(offset..end)?;
        // SAFETY: the place has the size of a `T`, all bytes of which are
        // initialized; its alignment does not matter.
        unsafe { place.as_mut_ptr().cast::<T>().write_unaligned(value) };
        Some(end)
    }
}

/// The beginning of `bytes`, as a `T`.
fn read<T: Headed + Copy>(bytes: &[u8]) -> Result<T> {
    let bytes = bytes
        .get(..size_of::<T>())
        .ok_or(NtStatus::INFO_LENGTH_MISMATCH)?;
    // SAFETY: there is a `T`'s size of bytes, of which every pattern is valid by
    // the contract of `Headed`; its alignment does not matter.
    Ok(unsafe { bytes.as_ptr().cast::<T>().read_unaligned() })
}
