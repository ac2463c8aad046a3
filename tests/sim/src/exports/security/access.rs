// SPDX-License-Identifier: MIT OR Apache-2.0

//! Whether a subject may do what it asks for.

use std::ffi::c_void;

use windows_sys::Win32::Foundation::{STATUS_ACCESS_DENIED, STATUS_SUCCESS};

use crate::exports::exports;
use crate::exports::memory::access::{get, set};
use crate::hardware::irql::{HIGH_LEVEL, PASSIVE_LEVEL};
use crate::objects::security::{Account, Dacl};

exports! {
    "SeAccessCheck" <= PASSIVE_LEVEL => check: u8;
    "SeFreePrivileges" <= PASSIVE_LEVEL => free_privileges: ();
    "SeSinglePrivilegeCheck" <= PASSIVE_LEVEL => check_privilege: u8;
    "RtlMapGenericMask" <= HIGH_LEVEL => map_generic: ();
}

/// `MAXIMUM_ALLOWED`.
const MAXIMUM: u32 = 0x0200_0000;

/// The rights that a descriptor grants the current subject of those that are wanted; `None` if
/// it does not grant all.
fn granted(descriptor: usize, wanted: u32, mapping: [u32; 4]) -> Option<u32> {
    // SAFETY: the descriptor is valid, as documented.
    let list = unsafe { Dacl::read(descriptor as *const c_void) }.ok()?;
    let grants = |rights: u32| list.grants(Account::Administrator, rights);
    if !grants(wanted & !MAXIMUM) {
        return None;
    }
    if wanted & MAXIMUM == 0 {
        return Some(wanted);
    }
    let [.., all] = mapping;
    let bits = (0..u32::BITS).map(|bit| 1 << bit);
    let most = bits
        .filter(|bit| all & bit != 0 && grants(*bit))
        .sum::<u32>();
    (most != 0).then_some(most | wanted & !MAXIMUM)
}

unsafe extern "win64" fn check(
    descriptor: usize,
    _context: usize,
    _locked: u8,
    wanted: u32,
    before: u32,
    privileges: usize,
    mapping: usize,
    mode: u8,
    access: usize,
    status: usize,
) -> u8 {
    if privileges != 0 {
        set(privileges, 0_usize);
    }
    let mapping: [u32; 4] = get(mapping);
    let [.., all] = mapping;
    let found = if mode == 0 {
        Some(if wanted & MAXIMUM == 0 { wanted } else { all })
    } else if descriptor == 0 || wanted | before == 0 {
        None
    } else {
        granted(descriptor, wanted, mapping)
    };
    set(access, found.map_or(0, |rights| rights | before));
    set(
        status,
        if found.is_some() {
            STATUS_SUCCESS
        } else {
            STATUS_ACCESS_DENIED
        },
    );
    u8::from(found.is_some())
}

/// No access check uses privileges here.
unsafe extern "win64" fn free_privileges(_privileges: usize) {}

/// An administrator's program has what it asks for.
unsafe extern "win64" fn check_privilege(_privilege: u64, _mode: u8) -> u8 {
    1
}

/// Replaces generic rights by those of a `GENERIC_MAPPING`: to read, to write, to execute, all.
unsafe extern "win64" fn map_generic(mask: usize, mapping: usize) {
    const GENERIC: [u32; 4] = [0x8000_0000, 0x4000_0000, 0x2000_0000, 0x1000_0000];
    let given: u32 = get(mask);
    let mapping: [u32; 4] = get(mapping);
    let pairs = GENERIC.iter().zip(mapping);
    let rights = pairs.filter(|(generic, _)| given & *generic != 0);
    set(
        mask,
        rights.fold(given & 0x0FFF_FFFF, |all, (_, it)| all | it),
    );
}
