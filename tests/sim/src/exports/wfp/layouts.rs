// SPDX-License-Identifier: MIT OR Apache-2.0

//! The structures of `fwpsk.h` and `fwpstypes.h` that drivers and the engine share.

use std::ptr;

use windows_sys::core::GUID;

/// A GUID as a number.
pub(super) const fn number(guid: &GUID) -> u128 {
    let [low, high] = [
        guid.data1 as u64 | (guid.data2 as u64) << 32 | (guid.data3 as u64) << 48,
        u64::from_le_bytes(guid.data4),
    ];
    low as u128 | (high as u128) << 64
}

/// Returns the GUID with this number.
pub(super) fn guid(number: u128) -> GUID {
    let bytes = number.to_le_bytes();
    let half = |at: usize| u16::from_le_bytes([bytes[at], bytes[at + 1]]);
    let mut data4 = [0; 8];
    data4.copy_from_slice(&bytes[8..]);
    GUID {
        data1: u32::from(half(0)) | u32::from(half(2)) << 16,
        data2: half(4),
        data3: half(6),
        data4,
    }
}

/// `FWPS_CALLOUT0` and its later versions.
#[repr(C)]
#[derive(Clone, Copy)]
pub(super) struct CalloutRegistration {
    pub(super) key: GUID,
    pub(super) flags: u32,
    pub(super) classify: usize,
    pub(super) notify: usize,
    pub(super) flow_delete: usize,
}

const _: () = assert!(size_of::<CalloutRegistration>() == 0x30);

/// `FWP_VALUE0`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Value {
    kind: u32,
    value: u64,
}

impl Value {
    pub(super) const EMPTY: Self = Self { kind: 0, value: 0 };

    /// An unsigned integer of at most 32 bits.
    pub(super) const fn unsigned(bits: u8, value: u64) -> Self {
        let kind = match bits {
            8 => 1,
            16 => 2,
            _ => 3,
        };
        Self { kind, value }
    }

    /// Creates the value of a 64-bit unsigned integer.
    pub(super) fn long(value: &'static u64) -> Self {
        Self {
            kind: 4,
            value: ptr::from_ref(value).addr() as u64,
        }
    }

    /// Creates the value of a byte blob.
    pub(super) fn blob(value: &'static Blob) -> Self {
        Self {
            kind: 12,
            value: ptr::from_ref(value).addr() as u64,
        }
    }

    /// Creates the value of a byte blob with a `TOKEN_ACCESS_INFORMATION`.
    pub(super) fn access_information(value: &'static Blob) -> Self {
        Self {
            kind: 16,
            ..Self::blob(value)
        }
    }

    /// An `FWP_BYTE_ARRAY16`.
    pub(super) fn address(value: &[u8; 16]) -> Self {
        Self {
            kind: 11,
            value: value.as_ptr().addr() as u64,
        }
    }
}

/// `FWP_BYTE_BLOB`.
#[repr(C)]
pub(super) struct Blob {
    pub(super) size: u32,
    pub(super) data: *const u8,
}

// SAFETY: blobs are static, and what they point to is never written.
unsafe impl Sync for Blob {}

/// `FWPS_INCOMING_VALUES0`.
#[repr(C)]
pub(super) struct IncomingValues {
    pub(super) layer: u16,
    pub(super) count: u32,
    pub(super) values: *const Value,
}

/// `FWPS_INCOMING_METADATA_VALUES0`, as far as it is used, and room for the rest.
#[repr(C)]
#[derive(Default)]
pub(super) struct Metadata {
    /// Which fields are set.
    pub(super) fields: u32,
    pub(super) flags: u32,
    pub(super) reserved: u64,
    pub(super) discard: [u64; 2],
    pub(super) flow: u64,
    pub(super) ip_header: u32,
    pub(super) transport_header: u32,
    pub(super) process_path: usize,
    pub(super) token: u64,
    pub(super) process: u64,
    pub(super) interfaces: [u32; 2],
    pub(super) compartment: u32,
    pub(super) fragment: [u32; 3],
    pub(super) path_mtu: u32,
    pub(super) completion: usize,
    pub(super) endpoint: u64,
    pub(super) remote_scope: u32,
    pub(super) control_data: usize,
    pub(super) control_data_length: u32,
    /// `FWP_DIRECTION`.
    pub(super) direction: i32,
    pub(super) rest: [u64; 32],
    pub(super) more: [u64; 16],
}

const _: () = assert!(std::mem::offset_of!(Metadata, completion) == 104);
const _: () = assert!(std::mem::offset_of!(Metadata, direction) == 140);

/// Which of the fields are set: `FWPS_METADATA_FIELD_FLOW_HANDLE` and others.
pub(super) const FLOW: u32 = 0x2;
pub(super) const IP_HEADER: u32 = 0x4;
pub(super) const PROCESS_PATH: u32 = 0x8;
pub(super) const TOKEN: u32 = 0x10;
pub(super) const PROCESS_ID: u32 = 0x20;
pub(super) const TRANSPORT_HEADER: u32 = 0x400;
pub(super) const COMPARTMENT: u32 = 0x800;
pub(super) const COMPLETION: u32 = 0x4000;
pub(super) const ENDPOINT: u32 = 0x8000;
pub(super) const PACKET_DIRECTION: u32 = 0x4_0000;
pub(super) const ALE_CLASSIFY_REQUIRED: u32 = 0x40_0000;

/// `FWPS_CLASSIFY_OUT0`.
#[repr(C)]
#[derive(Debug, Default)]
pub(super) struct ClassifyOut {
    pub(super) action: u32,
    pub(super) context: u64,
    pub(super) filter: u64,
    pub(super) rights: u32,
    pub(super) flags: u32,
    pub(super) reserved: u32,
}

const _: () = assert!(size_of::<ClassifyOut>() == 0x28);

/// `FWPS_RIGHT_ACTION_WRITE`.
pub(super) const ACTION_WRITE: u32 = 1;

/// `FWPS_FILTER_FLAG_CLEAR_ACTION_RIGHT`.
pub(super) const CLEAR_ACTION_RIGHT: u16 = 1;

/// `FWPS_FILTER0` and its later versions.
#[repr(C)]
#[derive(Debug, Default)]
pub(super) struct Filter {
    pub(super) id: u64,
    pub(super) weight: Value,
    pub(super) sublayer_weight: u16,
    pub(super) flags: u16,
    pub(super) conditions: u32,
    pub(super) condition: usize,
    pub(super) action: u32,
    pub(super) callout: u32,
    pub(super) context: u64,
    pub(super) provider_context: usize,
}

const _: () = assert!(size_of::<Filter>() == 0x40);
