// SPDX-License-Identifier: MIT OR Apache-2.0

//! Access control lists.

use windows_sys::Win32::Foundation::{
    STATUS_ALLOTTED_SPACE_EXCEEDED, STATUS_BUFFER_TOO_SMALL, STATUS_INVALID_ACL,
    STATUS_INVALID_PARAMETER, STATUS_INVALID_SID, STATUS_REVISION_MISMATCH, STATUS_SUCCESS,
};

use super::sids::{self, bytes_at, put};
use crate::exports::exports;
use crate::exports::memory::access::{get, set};
use crate::hardware::irql::APC_LEVEL;

exports! {
    "RtlCreateAcl" <= APC_LEVEL => create: i32;
    "RtlValidAcl" <= APC_LEVEL => valid: u8;
    "RtlAddAccessAllowedAce" <= APC_LEVEL => add_allowed: i32;
    "RtlAddAccessAllowedAceEx" <= APC_LEVEL => add_allowed_ex: i32;
    "RtlAddAccessDeniedAce" <= APC_LEVEL => add_denied: i32;
    "RtlAddAce" <= APC_LEVEL => add: i32;
    "RtlGetAce" <= APC_LEVEL => entry: i32;
    "RtlDeleteAce" <= APC_LEVEL => delete: i32;
}

/// `ACL`: revision, a zero, size, count, a zero.
const HEADER: usize = 8;
/// Where an `ACL` has its size and its count of entries.
const SIZE: usize = 2;
const COUNT: usize = 4;
/// What comes before the identifier in an entry: type, flags, size, mask.
const ENTRY_HEADER: usize = 8;
/// `ACL_REVISION` to `ACL_REVISION_DS`.
const REVISIONS: std::ops::RangeInclusive<u32> = 2..=4;

/// `ACCESS_ALLOWED_ACE_TYPE`.
const ALLOWED: u8 = 0;
/// `ACCESS_DENIED_ACE_TYPE`.
const DENIED: u8 = 1;

/// The length of a list.
pub(super) fn size(list: usize) -> usize {
    usize::from(get::<u16>(list + SIZE))
}

/// The entries of a list, each with its address and its length, and the end of the last one;
/// `None` if it is no list.
fn entries(list: usize) -> Option<(Vec<(usize, usize)>, usize)> {
    let revision: u8 = get(list);
    let end = list + size(list);
    if !REVISIONS.contains(&u32::from(revision)) || size(list) < HEADER {
        return None;
    }
    let mut all = Vec::new();
    let mut at = list + HEADER;
    for _ in 0..get::<u16>(list + COUNT) {
        if at + 4 > end {
            return None;
        }
        let length = usize::from(get::<u16>(at + 2));
        if length < 4 || at + length > end {
            return None;
        }
        all.push((at, length));
        at += length;
    }
    Some((all, at))
}

/// Returns `true` if a list has a known form.
pub(super) fn is_valid(list: usize) -> bool {
    entries(list).is_some()
}

unsafe extern "win64" fn create(list: usize, length: u32, revision: u32) -> i32 {
    if (length as usize) < HEADER {
        return STATUS_BUFFER_TOO_SMALL;
    }
    let Ok(size) = u16::try_from(length / 4 * 4) else {
        return STATUS_INVALID_PARAMETER;
    };
    let (true, Ok(revision)) = (REVISIONS.contains(&revision), u8::try_from(revision)) else {
        return STATUS_INVALID_PARAMETER;
    };
    let [low, high] = size.to_le_bytes();
    put(list, &[revision, 0, low, high, 0, 0, 0, 0]);
    STATUS_SUCCESS
}

unsafe extern "win64" fn valid(list: usize) -> u8 {
    u8::from(is_valid(list))
}

/// Puts whole entries in front of that with number `before`, or at the end.
fn insert(list: usize, revision: u32, before: usize, new: &[u8], count: u16) -> i32 {
    let Some((all, end)) = entries(list) else {
        return STATUS_INVALID_ACL;
    };
    let own = u32::from(get::<u8>(list));
    if !REVISIONS.contains(&revision) {
        return STATUS_REVISION_MISMATCH;
    }
    if end + new.len() > list + size(list) {
        return STATUS_ALLOTTED_SPACE_EXCEEDED;
    }
    let place = all.get(before).map_or(end, |(at, _)| *at);
    let behind = bytes_at(place, end - place);
    put(place, new);
    put(place + new.len(), &behind);
    set(
        list,
        u8::try_from(own.max(revision)).expect("both are small"),
    );
    set(list + COUNT, get::<u16>(list + COUNT) + count);
    STATUS_SUCCESS
}

/// Adds an entry of a type for an identifier at the end.
fn append(list: usize, revision: u32, kind: u8, flags: u8, mask: u32, sid: usize) -> i32 {
    if !sids::is_valid(sid) {
        return STATUS_INVALID_SID;
    }
    let sid = sids::bytes(sid);
    let length = u16::try_from(ENTRY_HEADER + sid.len()).expect("it is short");
    let mut entry = vec![kind, flags];
    entry.extend(length.to_le_bytes());
    entry.extend(mask.to_le_bytes());
    entry.extend(sid);
    insert(list, revision, usize::MAX, &entry, 1)
}

unsafe extern "win64" fn add_allowed(list: usize, revision: u32, mask: u32, sid: usize) -> i32 {
    append(list, revision, ALLOWED, 0, mask, sid)
}

unsafe extern "win64" fn add_allowed_ex(
    list: usize,
    revision: u32,
    flags: u32,
    mask: u32,
    sid: usize,
) -> i32 {
    match u8::try_from(flags) {
        Ok(flags) => append(list, revision, ALLOWED, flags, mask, sid),
        Err(_) => STATUS_INVALID_PARAMETER,
    }
}

unsafe extern "win64" fn add_denied(list: usize, revision: u32, mask: u32, sid: usize) -> i32 {
    append(list, revision, DENIED, 0, mask, sid)
}

unsafe extern "win64" fn add(
    list: usize,
    revision: u32,
    before: u32,
    new: usize,
    length: u32,
) -> i32 {
    let new = bytes_at(new, length as usize);
    let (mut count, mut at) = (0, 0);
    while at < new.len() {
        let Some([_, _, low, high]) = new.get(at..at + 4) else {
            return STATUS_INVALID_PARAMETER;
        };
        let size = usize::from(u16::from_le_bytes([*low, *high]));
        if size < 4 || at + size > new.len() {
            return STATUS_INVALID_PARAMETER;
        }
        at += size;
        count += 1;
    }
    insert(list, revision, before as usize, &new, count)
}

unsafe extern "win64" fn entry(list: usize, index: u32, found: usize) -> i32 {
    let all = entries(list).map(|(all, _)| all).unwrap_or_default();
    let Some((at, _)) = all.get(index as usize) else {
        return STATUS_INVALID_PARAMETER;
    };
    set(found, *at);
    STATUS_SUCCESS
}

unsafe extern "win64" fn delete(list: usize, index: u32) -> i32 {
    let Some((all, end)) = entries(list) else {
        return STATUS_INVALID_PARAMETER;
    };
    let Some((at, length)) = all.get(index as usize) else {
        return STATUS_INVALID_PARAMETER;
    };
    let behind = bytes_at(at + length, end - at - length);
    put(*at, &behind);
    set(list + COUNT, get::<u16>(list + COUNT) - 1);
    STATUS_SUCCESS
}
