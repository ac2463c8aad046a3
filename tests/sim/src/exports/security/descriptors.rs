// SPDX-License-Identifier: MIT OR Apache-2.0

//! Security descriptors, absolute and self-relative.

use windows_sys::Win32::Foundation::{
    STATUS_BAD_DESCRIPTOR_FORMAT, STATUS_BUFFER_TOO_SMALL, STATUS_INVALID_SECURITY_DESCR,
    STATUS_SUCCESS, STATUS_UNKNOWN_REVISION,
};

use super::sids::{bytes_at, put};
use super::{lists, sids};
use crate::exports::exports;
use crate::exports::memory::access::{get, set};
use crate::hardware::irql::{APC_LEVEL, PASSIVE_LEVEL};

exports! {
    "RtlCreateSecurityDescriptor" <= PASSIVE_LEVEL => create: i32;
    "RtlValidSecurityDescriptor" <= PASSIVE_LEVEL => valid: u8;
    "RtlValidRelativeSecurityDescriptor" <= APC_LEVEL => valid_relative: u8;
    "SeValidSecurityDescriptor" <= APC_LEVEL => se_valid: u8;
    "RtlLengthSecurityDescriptor" <= PASSIVE_LEVEL => length: u32;
    "RtlSetDaclSecurityDescriptor" <= PASSIVE_LEVEL => set_dacl: i32;
    "RtlGetDaclSecurityDescriptor" <= APC_LEVEL => get_dacl: i32;
    "RtlGetSaclSecurityDescriptor" <= APC_LEVEL => get_sacl: i32;
    "RtlSetOwnerSecurityDescriptor" <= APC_LEVEL => set_owner: i32;
    "RtlGetOwnerSecurityDescriptor" <= APC_LEVEL => get_owner: i32;
    "RtlSetGroupSecurityDescriptor" <= APC_LEVEL => set_group: i32;
    "RtlGetGroupSecurityDescriptor" <= APC_LEVEL => get_group: i32;
    "RtlAbsoluteToSelfRelativeSD" <= APC_LEVEL => make_relative: i32;
}

/// `SECURITY_DESCRIPTOR_REVISION`.
const REVISION: u8 = 1;
/// The length of an absolute descriptor, and of the beginning of a self-relative one.
const LENGTH: usize = 40;
const RELATIVE_LENGTH: usize = 20;
/// Where both have their flags.
const CONTROL: usize = 2;

/// `SE_SELF_RELATIVE`.
const SELF_RELATIVE: u16 = 0x8000;

/// A part of a descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Owner,
    Group,
    Sacl,
    Dacl,
}

impl Part {
    const ALL: [Self; 4] = [Self::Owner, Self::Group, Self::Sacl, Self::Dacl];

    /// The flag of an absolute one that it is there, if it has one, and that it is a default.
    const fn flags(self) -> (u16, u16) {
        match self {
            Self::Owner => (0, 0x1),
            Self::Group => (0, 0x2),
            Self::Sacl => (0x10, 0x20),
            Self::Dacl => (0x4, 0x8),
        }
    }

    /// Where an absolute descriptor has its pointer.
    const fn pointer(self) -> usize {
        8 + 8 * self as usize
    }

    /// Where a self-relative descriptor has its offset.
    const fn offset(self) -> usize {
        4 + 4 * self as usize
    }

    /// The length of what is at an address.
    fn length(self, at: usize) -> usize {
        match self {
            Self::Owner | Self::Group => sids::length_of(at),
            Self::Sacl | Self::Dacl => lists::size(at),
        }
    }

    fn is_valid(self, at: usize) -> bool {
        match self {
            Self::Owner | Self::Group => sids::is_valid(at),
            Self::Sacl | Self::Dacl => lists::is_valid(at),
        }
    }
}

fn control(descriptor: usize) -> u16 {
    get(descriptor + CONTROL)
}

fn is_relative(descriptor: usize) -> bool {
    control(descriptor) & SELF_RELATIVE != 0
}

/// Returns `true` if a part is there, if it is only then that it counts.
fn is_present(descriptor: usize, part: Part) -> bool {
    let (present, _) = part.flags();
    present == 0 || control(descriptor) & present != 0
}

/// The address of a part, 0 if there is none.
fn address(descriptor: usize, part: Part) -> usize {
    if !is_present(descriptor, part) {
        0
    } else if is_relative(descriptor) {
        match get::<u32>(descriptor + part.offset()) {
            0 => 0,
            offset => descriptor + offset as usize,
        }
    } else {
        get(descriptor + part.pointer())
    }
}

fn has_revision(descriptor: usize) -> bool {
    get::<u8>(descriptor) == REVISION
}

fn is_valid(descriptor: usize) -> bool {
    let mut parts = Part::ALL
        .into_iter()
        .map(|part| (part, address(descriptor, part)));
    has_revision(descriptor) && parts.all(|(part, at)| at == 0 || part.is_valid(at))
}

unsafe extern "win64" fn create(descriptor: usize, revision: u32) -> i32 {
    if revision != u32::from(REVISION) {
        return STATUS_UNKNOWN_REVISION;
    }
    let mut bytes = [0; LENGTH];
    bytes[0] = REVISION;
    put(descriptor, &bytes);
    STATUS_SUCCESS
}

unsafe extern "win64" fn valid(descriptor: usize) -> u8 {
    u8::from(descriptor != 0 && is_valid(descriptor))
}

/// A self-relative descriptor in a buffer of `length` bytes that has the parts which the
/// lowest bits of `wanted` name: owner, group, DACL, SACL.
unsafe extern "win64" fn valid_relative(descriptor: usize, length: u32, wanted: u32) -> u8 {
    const WANTED: [(u32, Part); 2] = [(1, Part::Owner), (2, Part::Group)];

    let room = length as usize;
    if room < RELATIVE_LENGTH || !has_revision(descriptor) || !is_relative(descriptor) {
        return 0;
    }
    for part in Part::ALL {
        let at = address(descriptor, part);
        if at == 0 {
            let is_wanted = WANTED.iter().any(|it| it.1 == part && wanted & it.0 != 0);
            if is_wanted {
                return 0;
            }
            continue;
        }
        let offset = at - descriptor;
        let is_inside = offset >= RELATIVE_LENGTH && offset + 8 <= room;
        if !is_inside || offset + part.length(at) > room || !part.is_valid(at) {
            return 0;
        }
    }
    1
}

unsafe extern "win64" fn se_valid(length: u32, descriptor: usize) -> u8 {
    // SAFETY: this passes on the driver's own arguments, under the same documented contract.
    unsafe { valid_relative(descriptor, length, 0) }
}

/// The length of a descriptor with all its parts.
unsafe extern "win64" fn length(descriptor: usize) -> u32 {
    let head = if is_relative(descriptor) {
        RELATIVE_LENGTH
    } else {
        LENGTH
    };
    let parts = Part::ALL
        .into_iter()
        .map(|part| match address(descriptor, part) {
            0 => 0,
            at => part.length(at).next_multiple_of(4),
        });
    u32::try_from(head + parts.sum::<usize>()).expect("each part is short")
}

/// Changes a part of an absolute descriptor.
fn change(descriptor: usize, part: Part, is_there: bool, at: usize, is_default: bool) -> i32 {
    if !has_revision(descriptor) {
        return STATUS_UNKNOWN_REVISION;
    }
    if is_relative(descriptor) {
        return STATUS_INVALID_SECURITY_DESCR;
    }
    let (present, default) = part.flags();
    let mut flags = control(descriptor) & !(present | default);
    if is_there {
        flags |= present;
        set(descriptor + part.pointer(), at);
        if is_default {
            flags |= default;
        }
    }
    set(descriptor + CONTROL, flags);
    STATUS_SUCCESS
}

unsafe extern "win64" fn set_dacl(descriptor: usize, there: u8, list: usize, default: u8) -> i32 {
    change(descriptor, Part::Dacl, there != 0, list, default != 0)
}

unsafe extern "win64" fn set_owner(descriptor: usize, sid: usize, default: u8) -> i32 {
    change(descriptor, Part::Owner, true, sid, default != 0)
}

unsafe extern "win64" fn set_group(descriptor: usize, sid: usize, default: u8) -> i32 {
    change(descriptor, Part::Group, true, sid, default != 0)
}

/// Passes on a list, if there is one; `present` says so.
fn list(descriptor: usize, part: Part, present: usize, found: usize, default: usize) -> i32 {
    if !has_revision(descriptor) {
        return STATUS_UNKNOWN_REVISION;
    }
    let is_there = is_present(descriptor, part);
    set(present, u8::from(is_there));
    if is_there {
        set(found, address(descriptor, part));
        let (_, flag) = part.flags();
        set(default, u8::from(control(descriptor) & flag != 0));
    }
    STATUS_SUCCESS
}

unsafe extern "win64" fn get_dacl(
    descriptor: usize,
    present: usize,
    found: usize,
    default: usize,
) -> i32 {
    list(descriptor, Part::Dacl, present, found, default)
}

unsafe extern "win64" fn get_sacl(
    descriptor: usize,
    present: usize,
    found: usize,
    default: usize,
) -> i32 {
    list(descriptor, Part::Sacl, present, found, default)
}

/// Passes on an identifier, 0 if there is none.
fn sid(descriptor: usize, part: Part, found: usize, default: usize) -> i32 {
    if !has_revision(descriptor) {
        return STATUS_UNKNOWN_REVISION;
    }
    set(found, address(descriptor, part));
    let (_, flag) = part.flags();
    set(default, u8::from(control(descriptor) & flag != 0));
    STATUS_SUCCESS
}

unsafe extern "win64" fn get_owner(descriptor: usize, found: usize, default: usize) -> i32 {
    sid(descriptor, Part::Owner, found, default)
}

unsafe extern "win64" fn get_group(descriptor: usize, found: usize, default: usize) -> i32 {
    sid(descriptor, Part::Group, found, default)
}

/// The bytes of a descriptor with what it points to behind it.
pub(in crate::exports) fn self_relative(descriptor: usize) -> Vec<u8> {
    let mut bytes = bytes_at(descriptor, 4);
    bytes.resize(RELATIVE_LENGTH, 0);
    let flags = (control(descriptor) | SELF_RELATIVE).to_le_bytes();
    bytes[CONTROL..CONTROL + 2].copy_from_slice(&flags);
    for part in Part::ALL {
        let at = address(descriptor, part);
        if at == 0 {
            continue;
        }
        let offset = u32::try_from(bytes.len()).expect("each part is short");
        bytes[part.offset()..part.offset() + 4].copy_from_slice(&offset.to_le_bytes());
        bytes.extend(bytes_at(at, part.length(at)));
        bytes.resize(bytes.len().next_multiple_of(4), 0);
    }
    bytes
}

/// Copies an absolute descriptor, with what it points to behind it.
unsafe extern "win64" fn make_relative(descriptor: usize, to: usize, room: usize) -> i32 {
    if is_relative(descriptor) {
        return STATUS_BAD_DESCRIPTOR_FORMAT;
    }
    let bytes = self_relative(descriptor);
    let had: u32 = get(room);
    set(
        room,
        u32::try_from(bytes.len()).expect("each part is short"),
    );
    if (had as usize) < bytes.len() {
        return STATUS_BUFFER_TOO_SMALL;
    }
    put(to, &bytes);
    STATUS_SUCCESS
}
