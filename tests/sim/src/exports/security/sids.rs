// SPDX-License-Identifier: MIT OR Apache-2.0

//! Security identifiers.

use std::fmt::Write;

use windows_sys::Win32::Foundation::{
    STATUS_BUFFER_TOO_SMALL, STATUS_INVALID_PARAMETER, STATUS_INVALID_SID, STATUS_SUCCESS,
};

use crate::exports::data::conversions;
use crate::exports::exports;
use crate::exports::memory::access::{copy, get, set};
use crate::hardware::irql::{APC_LEVEL, PASSIVE_LEVEL};

exports! {
    "RtlLengthRequiredSid" <= APC_LEVEL => length_required: u32;
    "RtlLengthSid" <= APC_LEVEL => length: u32;
    "RtlValidSid" <= APC_LEVEL => valid: u8;
    "RtlEqualSid" <= APC_LEVEL => equal: u8;
    "RtlCopySid" <= APC_LEVEL => copy_sid: i32;
    "RtlInitializeSid" <= APC_LEVEL => initialize: i32;
    "RtlSubAuthoritySid" <= APC_LEVEL => sub_authority: usize;
    "RtlSubAuthorityCountSid" <= APC_LEVEL => sub_authority_count: usize;
    "RtlConvertSidToUnicodeString" <= PASSIVE_LEVEL => to_text: i32;
}

/// `SID_REVISION`.
const REVISION: u8 = 1;
/// `SID_MAX_SUB_AUTHORITIES`.
const MOST: u8 = 15;
/// What comes before the sub-authorities.
const HEADER: usize = 8;

/// The length of an identifier, by the count in it.
pub(super) fn length_of(sid: usize) -> usize {
    HEADER + 4 * usize::from(get::<u8>(sid + 1))
}

/// Returns `true` if an identifier has a known form.
pub(super) fn is_valid(sid: usize) -> bool {
    if sid == 0 {
        return false;
    }
    let [revision, count]: [u8; 2] = get(sid);
    revision == REVISION && count <= MOST
}

/// The bytes of an identifier.
pub(super) fn bytes(sid: usize) -> Vec<u8> {
    bytes_at(sid, length_of(sid))
}

/// Bytes of a structure of the driver's.
pub(super) fn bytes_at(at: usize, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    // SAFETY: the structure has that length; if not, the fault is the caller's.
    unsafe { copy(at as *const u8, bytes.as_mut_ptr(), length) };
    bytes
}

/// Writes bytes of a structure of the driver's.
pub(super) fn put(at: usize, bytes: &[u8]) {
    // SAFETY: there is room, as documented; if not, the fault is the caller's.
    unsafe { copy(bytes.as_ptr(), at as *mut u8, bytes.len()) };
}

unsafe extern "win64" fn length_required(count: u32) -> u32 {
    8 + 4 * count
}

unsafe extern "win64" fn length(sid: usize) -> u32 {
    u32::try_from(length_of(sid)).expect("a count has one byte")
}

unsafe extern "win64" fn valid(sid: usize) -> u8 {
    u8::from(is_valid(sid))
}

unsafe extern "win64" fn equal(left: usize, right: usize) -> u8 {
    u8::from(bytes(left) == bytes(right))
}

unsafe extern "win64" fn copy_sid(room: u32, to: usize, from: usize) -> i32 {
    let sid = bytes(from);
    if sid.len() > room as usize {
        return STATUS_BUFFER_TOO_SMALL;
    }
    put(to, &sid);
    STATUS_SUCCESS
}

unsafe extern "win64" fn initialize(sid: usize, authority: usize, count: u8) -> i32 {
    if count > MOST {
        return STATUS_INVALID_PARAMETER;
    }
    let authority: [u8; 6] = get(authority);
    set(sid, [REVISION, count]);
    set(sid + 2, authority);
    STATUS_SUCCESS
}

unsafe extern "win64" fn sub_authority(sid: usize, index: u32) -> usize {
    sid + HEADER + 4 * index as usize
}

unsafe extern "win64" fn sub_authority_count(sid: usize) -> usize {
    sid + 1
}

/// `S-1-5-32-544`.
unsafe extern "win64" fn to_text(string: usize, sid: usize, allocates: u8) -> i32 {
    if !is_valid(sid) {
        return STATUS_INVALID_SID;
    }
    let authority: [u8; 6] = get(sid + 2);
    let authority = authority
        .iter()
        .fold(0, |all, byte| all << 8 | u64::from(*byte));
    let mut text = format!("S-{REVISION}-");
    let written = if authority >> 32 == 0 {
        write!(text, "{authority}")
    } else {
        write!(text, "{authority:#014x}")
    };
    written.expect("a string takes any text");
    for index in 0..usize::from(get::<u8>(sid + 1)) {
        let number: u32 = get(sid + HEADER + 4 * index);
        write!(text, "-{number}").expect("a string takes any text");
    }
    conversions::give_text(string, &text, allocates != 0)
}
