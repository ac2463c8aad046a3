// SPDX-License-Identifier: MIT OR Apache-2.0

//! Names of the NTSTATUS values that drivers return from `DriverEntry`.
//!
//! Reference: [MS-ERREF], section 2.3.1.

use std::fmt;

use serde::{Deserialize, Serialize};

/// An NTSTATUS value. Its text form is its number and, if known, its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "StatusText", from = "StatusText")]
pub struct NtStatus(pub i32);

/// The value as reports have it.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct StatusText {
    value: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<String>,
}

impl From<NtStatus> for StatusText {
    fn from(status: NtStatus) -> Self {
        Self {
            value: status.0.cast_unsigned(),
            name: status.name().map(str::to_owned),
        }
    }
}

impl From<StatusText> for NtStatus {
    fn from(text: StatusText) -> Self {
        Self(text.value.cast_signed())
    }
}

impl NtStatus {
    /// Its name, if it is a common one.
    #[must_use]
    pub fn name(self) -> Option<&'static str> {
        let value = self.0.cast_unsigned();
        let found = NAMES.binary_search_by_key(&value, |(known, _)| *known);
        found.ok().map(|index| NAMES[index].1)
    }

    /// Returns `true` if it is no error.
    #[must_use]
    pub const fn is_success(self) -> bool {
        self.0 >= 0
    }
}

impl fmt::Display for NtStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#010x}", self.0)?;
        self.name().map_or(Ok(()), |name| write!(f, " {name}"))
    }
}

/// In ascending order.
const NAMES: &[(u32, &str)] = &[
    (0x0000_0000, "STATUS_SUCCESS"),
    (0x0000_0102, "STATUS_TIMEOUT"),
    (0x0000_0103, "STATUS_PENDING"),
    (0x4000_0000, "STATUS_OBJECT_NAME_EXISTS"),
    (0x8000_0005, "STATUS_BUFFER_OVERFLOW"),
    (0x8000_001A, "STATUS_NO_MORE_ENTRIES"),
    (0xC000_0001, "STATUS_UNSUCCESSFUL"),
    (0xC000_0002, "STATUS_NOT_IMPLEMENTED"),
    (0xC000_0004, "STATUS_INFO_LENGTH_MISMATCH"),
    (0xC000_0005, "STATUS_ACCESS_VIOLATION"),
    (0xC000_0008, "STATUS_INVALID_HANDLE"),
    (0xC000_000D, "STATUS_INVALID_PARAMETER"),
    (0xC000_000E, "STATUS_NO_SUCH_DEVICE"),
    (0xC000_000F, "STATUS_NO_SUCH_FILE"),
    (0xC000_0010, "STATUS_INVALID_DEVICE_REQUEST"),
    (0xC000_0017, "STATUS_NO_MEMORY"),
    (0xC000_0022, "STATUS_ACCESS_DENIED"),
    (0xC000_0023, "STATUS_BUFFER_TOO_SMALL"),
    (0xC000_0024, "STATUS_OBJECT_TYPE_MISMATCH"),
    (0xC000_0033, "STATUS_OBJECT_NAME_INVALID"),
    (0xC000_0034, "STATUS_OBJECT_NAME_NOT_FOUND"),
    (0xC000_0035, "STATUS_OBJECT_NAME_COLLISION"),
    (0xC000_003A, "STATUS_OBJECT_PATH_NOT_FOUND"),
    (0xC000_0059, "STATUS_REVISION_MISMATCH"),
    (0xC000_009A, "STATUS_INSUFFICIENT_RESOURCES"),
    (0xC000_009C, "STATUS_DEVICE_DATA_ERROR"),
    (0xC000_009D, "STATUS_DEVICE_NOT_CONNECTED"),
    (0xC000_00A3, "STATUS_DEVICE_NOT_READY"),
    (0xC000_00B5, "STATUS_IO_TIMEOUT"),
    (0xC000_00BB, "STATUS_NOT_SUPPORTED"),
    (0xC000_00E5, "STATUS_INTERNAL_ERROR"),
    (0xC000_00F0, "STATUS_INVALID_PARAMETER_2"),
    (0xC000_0120, "STATUS_CANCELLED"),
    (0xC000_0183, "STATUS_DRIVER_INTERNAL_ERROR"),
    (0xC000_0184, "STATUS_INVALID_DEVICE_STATE"),
    (0xC000_0206, "STATUS_INVALID_BUFFER_SIZE"),
    (0xC000_0225, "STATUS_NOT_FOUND"),
    (0xC000_0263, "STATUS_DRIVER_ENTRYPOINT_NOT_FOUND"),
    (0xC000_02B6, "STATUS_DEVICE_REMOVED"),
    (0xC000_0365, "STATUS_FAILED_DRIVER_ENTRY"),
    (0xC000_0428, "STATUS_INVALID_IMAGE_HASH"),
    (0xC022_0001, "STATUS_FWP_CALLOUT_NOT_FOUND"),
    (0xC022_0002, "STATUS_FWP_CONDITION_NOT_FOUND"),
    (0xC022_0003, "STATUS_FWP_FILTER_NOT_FOUND"),
    (0xC022_0004, "STATUS_FWP_LAYER_NOT_FOUND"),
    (0xC022_0005, "STATUS_FWP_PROVIDER_NOT_FOUND"),
    (0xC022_0006, "STATUS_FWP_PROVIDER_CONTEXT_NOT_FOUND"),
    (0xC022_0007, "STATUS_FWP_SUBLAYER_NOT_FOUND"),
    (0xC022_0008, "STATUS_FWP_NOT_FOUND"),
    (0xC022_0009, "STATUS_FWP_ALREADY_EXISTS"),
    (0xC022_000A, "STATUS_FWP_IN_USE"),
    (0xC022_000D, "STATUS_FWP_NO_TXN_IN_PROGRESS"),
    (0xC022_000E, "STATUS_FWP_TXN_IN_PROGRESS"),
    (0xC022_0011, "STATUS_FWP_INCOMPATIBLE_TXN"),
    (0xC022_0014, "STATUS_FWP_INCOMPATIBLE_LAYER"),
    (0xC022_001C, "STATUS_FWP_NULL_POINTER"),
    (0xC022_0023, "STATUS_FWP_NULL_DISPLAY_NAME"),
    (0xC022_0024, "STATUS_FWP_INVALID_ACTION_TYPE"),
    (0xC022_0027, "STATUS_FWP_TYPE_MISMATCH"),
    (0xC022_0035, "STATUS_FWP_INVALID_PARAMETER"),
    (0xC022_0100, "STATUS_FWP_TCPIP_NOT_READY"),
    (0xC022_0101, "STATUS_FWP_INJECT_HANDLE_CLOSING"),
    (0xC022_0102, "STATUS_FWP_INJECT_HANDLE_STALE"),
    (0xC022_0103, "STATUS_FWP_CANNOT_PEND"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_are_in_order_and_found() {
        assert!(NAMES.is_sorted_by_key(|(value, _)| *value));
        let refused = NtStatus(0xC000_0034_u32.cast_signed());
        assert_eq!(
            refused.to_string(),
            "0xc0000034 STATUS_OBJECT_NAME_NOT_FOUND"
        );
        assert_eq!(NtStatus(0).to_string(), "0x00000000 STATUS_SUCCESS");
        assert_eq!(NtStatus(-1).to_string(), "0xffffffff");
        assert!(!refused.is_success() && NtStatus(0x103).is_success());
    }
}
