// SPDX-License-Identifier: MIT OR Apache-2.0

//! The GUIDs of the NPI and its modules.

use nmr::ModuleId;
use nmr::abi::{GUID, NPIID};

/// The Echo NPI: {1e32787f-806c-4f83-98e4-7dbec5129701}.
pub const ECHO_NPI_ID: NPIID = GUID::from_u128(0x1e32_787f_806c_4f83_98e4_7dbe_c512_9701);

/// The Echo module of `provider.sys`: {7281013f-92d4-4ce4-9ad0-1192aa9a6cc5}.
pub const ECHO_PROVIDER_MODULE_ID: ModuleId =
    ModuleId::Guid(GUID::from_u128(0x7281_013f_92d4_4ce4_9ad0_1192_aa9a_6cc5));

/// The Echo module of `client.sys`: {4692e578-2a2e-4b59-83d2-eeb794acfadb}.
pub const ECHO_CLIENT_MODULE_ID: ModuleId =
    ModuleId::Guid(GUID::from_u128(0x4692_e578_2a2e_4b59_83d2_eeb7_94ac_fadb));
