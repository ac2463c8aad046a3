// SPDX-License-Identifier: MIT OR Apache-2.0

//! The program and the user of the traffic, as callouts see them.

use std::ptr;

use windows_sys::Win32::Foundation::LUID;
use windows_sys::Win32::Security::{
    LUID_AND_ATTRIBUTES, SID_AND_ATTRIBUTES, SID_AND_ATTRIBUTES_HASH, SecurityImpersonation,
    TOKEN_ACCESS_INFORMATION, TOKEN_MANDATORY_POLICY, TOKEN_PRIVILEGES, TokenPrimary,
};

use super::layouts::Blob;

/// The process id.
pub(super) const PROCESS: u64 = 0x1A2C;
/// A handle of the process's token.
pub(super) const TOKEN: u64 = 0x3B8;

const PATH: &[u8; 52] = br"\device\harddiskvolume3\windows\system32\svchost.exe";

/// The path of the program, in lower case, with a terminating zero.
static UNITS: [u16; PATH.len() + 1] = {
    let mut units = [0; PATH.len() + 1];
    let mut index = 0;
    while index < PATH.len() {
        units[index] = PATH[index] as u16;
        index += 1;
    }
    units
};

/// `FWPS_FIELD_Xxx_ALE_APP_ID`, and the process path of the metadata.
pub(super) static PROGRAM: Blob = Blob {
    size: 106,
    data: (&raw const UNITS).cast(),
};

const _: () = assert!(size_of_val(&UNITS) == 106);

/// `S-1-5-20`, the network service.
static SID: [u8; 12] = [1, 1, 0, 0, 0, 0, 0, 5, 20, 0, 0, 0];

/// The information of a token that an access check needs.
#[repr(C)]
struct Access {
    information: TOKEN_ACCESS_INFORMATION,
    hash: SID_AND_ATTRIBUTES_HASH,
    none: SID_AND_ATTRIBUTES_HASH,
    groups: [SID_AND_ATTRIBUTES; 1],
    privileges: TOKEN_PRIVILEGES,
}

// SAFETY: it is static, and what it points to is never written.
unsafe impl Sync for Access {}

static ACCESS: Access = Access {
    information: TOKEN_ACCESS_INFORMATION {
        SidHash: (&raw const ACCESS.hash).cast_mut(),
        RestrictedSidHash: (&raw const ACCESS.none).cast_mut(),
        Privileges: (&raw const ACCESS.privileges).cast_mut(),
        // `NETWORKSERVICE_LUID`.
        AuthenticationId: LUID {
            LowPart: 0x3E4,
            HighPart: 0,
        },
        TokenType: TokenPrimary,
        ImpersonationLevel: SecurityImpersonation,
        MandatoryPolicy: TOKEN_MANDATORY_POLICY { Policy: 1 },
        Flags: 0,
        AppContainerNumber: 0,
        PackageSid: ptr::null_mut(),
        CapabilitiesHash: (&raw const ACCESS.none).cast_mut(),
        TrustLevelSid: ptr::null_mut(),
        SecurityAttributes: ptr::null_mut(),
    },
    hash: SID_AND_ATTRIBUTES_HASH {
        SidCount: 1,
        SidAttr: (&raw const ACCESS.groups).cast_mut().cast(),
        Hash: [0; 32],
    },
    none: SID_AND_ATTRIBUTES_HASH {
        SidCount: 0,
        SidAttr: ptr::null_mut(),
        Hash: [0; 32],
    },
    groups: [SID_AND_ATTRIBUTES {
        Sid: (&raw const SID).cast_mut().cast(),
        Attributes: 0,
    }],
    privileges: TOKEN_PRIVILEGES {
        PrivilegeCount: 0,
        Privileges: [LUID_AND_ATTRIBUTES {
            Luid: LUID {
                LowPart: 0,
                HighPart: 0,
            },
            Attributes: 0,
        }],
    },
};

/// `FWPS_FIELD_Xxx_ALE_USER_ID`: a `TOKEN_ACCESS_INFORMATION`.
pub(super) static USER: Blob = Blob {
    size: 664,
    data: (&raw const ACCESS).cast(),
};

const _: () = assert!(size_of::<Access>() == 664);
