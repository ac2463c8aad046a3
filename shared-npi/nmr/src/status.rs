// SPDX-License-Identifier: MIT OR Apache-2.0

//! `NTSTATUS` as a type of its own.

use core::fmt;

use crate::abi;

/// The answer of a kernel function.
///
/// <https://learn.microsoft.com/windows-hardware/drivers/kernel/using-ntstatus-values>
#[must_use = "a status that is not looked at hides a failure"]
#[repr(transparent)]
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct NtStatus(pub abi::NTSTATUS);

/// What succeeds with a value or fails with a status.
pub type Result<T = ()> = core::result::Result<T, NtStatus>;

impl NtStatus {
    /// Done.
    pub const SUCCESS: Self = Self(abi::STATUS_SUCCESS);
    /// Begun; ends later.
    pub const PENDING: Self = Self(abi::STATUS_PENDING);
    /// Failed, for no better reason.
    pub const UNSUCCESSFUL: Self = Self(abi::STATUS_UNSUCCESSFUL);
    /// A parameter is missing or malformed.
    pub const INVALID_PARAMETER: Self = Self(abi::STATUS_INVALID_PARAMETER);
    /// No memory.
    pub const INSUFFICIENT_RESOURCES: Self = Self(abi::STATUS_INSUFFICIENT_RESOURCES);
    /// The modules do not fit each other.
    pub const NOINTERFACE: Self = Self(abi::STATUS_NOINTERFACE);
    /// The limit of requests is reached: try again after a completion.
    pub const DEVICE_BUSY: Self = Self(0x8000_0011_u32.cast_signed());
    /// The module is detaching and takes no more requests.
    pub const DEVICE_NOT_READY: Self = Self(0xC000_00A3_u32.cast_signed());
    /// What is asked for is about to go.
    pub const DELETE_PENDING: Self = Self(0xC000_0056_u32.cast_signed());
    /// There is more than there was room for; what there was room for is there.
    pub const BUFFER_OVERFLOW: Self = Self(0x8000_0005_u32.cast_signed());
    /// The room for the answer is too small for any of it.
    pub const BUFFER_TOO_SMALL: Self = Self(0xC000_0023_u32.cast_signed());
    /// What was sent is not as long as it should be.
    pub const INFO_LENGTH_MISMATCH: Self = Self(0xC000_0004_u32.cast_signed());
    /// The device does not know the request.
    pub const INVALID_DEVICE_REQUEST: Self = Self(0xC000_0010_u32.cast_signed());
    /// What was sent is of no version that is known here.
    pub const REVISION_MISMATCH: Self = Self(0xC000_0059_u32.cast_signed());
    /// The name does not fit.
    pub const NAME_TOO_LONG: Self = Self(0xC000_0106_u32.cast_signed());
    /// The request was cancelled.
    pub const CANCELLED: Self = Self(0xC000_0120_u32.cast_signed());

    /// `NT_SUCCESS`: success or information.
    #[must_use]
    pub const fn is_success(self) -> bool {
        self.0 >= 0
    }

    /// `Ok` for a success, the status itself otherwise.
    ///
    /// # Errors
    ///
    /// This status, where [`is_success`](Self::is_success) is false.
    pub const fn ok(self) -> Result {
        if self.is_success() { Ok(()) } else { Err(self) }
    }
}

impl fmt::Debug for NtStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#010x}", self.0)
    }
}

impl fmt::Display for NtStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}
