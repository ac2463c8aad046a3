// SPDX-License-Identifier: MIT OR Apache-2.0

//! `NTSTATUS` as a separate type.

use core::fmt;

use crate::abi;

/// The status that a kernel function returns.
///
/// <https://learn.microsoft.com/windows-hardware/drivers/kernel/using-ntstatus-values>
#[must_use = "a status that is not looked at hides a failure"]
#[repr(transparent)]
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct NtStatus(pub abi::NTSTATUS);

/// A value, or the status of a failure.
pub type Result<T = ()> = core::result::Result<T, NtStatus>;

impl NtStatus {
    /// Success.
    pub const SUCCESS: Self = Self(abi::STATUS_SUCCESS);
    /// The operation has begun, and completes later.
    pub const PENDING: Self = Self(abi::STATUS_PENDING);
    /// An unspecified failure.
    pub const UNSUCCESSFUL: Self = Self(abi::STATUS_UNSUCCESSFUL);
    /// A parameter is missing or malformed.
    pub const INVALID_PARAMETER: Self = Self(abi::STATUS_INVALID_PARAMETER);
    /// Out of memory.
    pub const INSUFFICIENT_RESOURCES: Self = Self(abi::STATUS_INSUFFICIENT_RESOURCES);
    /// The two modules have no interface in common.
    pub const NOINTERFACE: Self = Self(abi::STATUS_NOINTERFACE);
    /// The limit of requests is reached: try again after a completion.
    pub const DEVICE_BUSY: Self = Self(0x8000_0011_u32.cast_signed());
    /// The module is detaching and takes no more requests.
    pub const DEVICE_NOT_READY: Self = Self(0xC000_00A3_u32.cast_signed());
    /// The object is being deleted.
    pub const DELETE_PENDING: Self = Self(0xC000_0056_u32.cast_signed());
    /// The output was truncated to the buffer.
    pub const BUFFER_OVERFLOW: Self = Self(0x8000_0005_u32.cast_signed());
    /// The output buffer is too small for any of the output.
    pub const BUFFER_TOO_SMALL: Self = Self(0xC000_0023_u32.cast_signed());
    /// The length of the input is wrong.
    pub const INFO_LENGTH_MISMATCH: Self = Self(0xC000_0004_u32.cast_signed());
    /// The device does not know the request.
    pub const INVALID_DEVICE_REQUEST: Self = Self(0xC000_0010_u32.cast_signed());
    /// The version of the input is unknown.
    pub const REVISION_MISMATCH: Self = Self(0xC000_0059_u32.cast_signed());
    /// The name is too long.
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
    /// This status, if [`is_success`](Self::is_success) returns `false`.
    pub const fn ok(self) -> Result {
        if self.is_success() { Ok(()) } else { Err(self) }
    }

    /// This status, or `STATUS_UNSUCCESSFUL` if it is a success, which cannot refuse.
    pub(crate) const fn or_unsuccessful(self) -> Self {
        if self.is_success() {
            Self::UNSUCCESSFUL
        } else {
            self
        }
    }

    /// This status, or `STATUS_UNSUCCESSFUL` if it is `STATUS_PENDING`, which cannot complete
    /// a request.
    pub(crate) const fn or_not_pending(self) -> Self {
        match self {
            Self::PENDING => Self::UNSUCCESSFUL,
            status => status,
        }
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
