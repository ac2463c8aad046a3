// SPDX-License-Identifier: MIT OR Apache-2.0

//! Counted strings of bytes from those of UTF-16 units and back, and new GUIDs.

use rand::RngExt;
use windows_sys::Win32::Foundation::{
    STATUS_BUFFER_OVERFLOW, STATUS_INVALID_PARAMETER_2, STATUS_NO_MEMORY, STATUS_RETRY,
    STATUS_SUCCESS, UNICODE_STRING,
};

use super::counted::NarrowString;
use crate::exports::exports;
use crate::exports::memory::access::{get, set};
use crate::findings::caller::caller;
use crate::findings::stop;
use crate::hardware::irql::PASSIVE_LEVEL;
use crate::kernel::with;
use crate::verifier::faults;

exports! {
    "RtlAnsiStringToUnicodeString" <= PASSIVE_LEVEL => widen: i32;
    "RtlUnicodeStringToAnsiString" <= PASSIVE_LEVEL => narrow: i32;
    "RtlFreeUnicodeString" <= PASSIVE_LEVEL => free_wide: ();
    "RtlFreeAnsiString" <= PASSIVE_LEVEL => free_narrow: ();
    "ExUuidCreate" <= PASSIVE_LEVEL => ex_uuid_create: i32;
}

const TAG: u32 = u32::from_le_bytes(*b"Strg");

/// Memory for a string, which its driver frees.
fn allocate(size: usize) -> Option<usize> {
    with(|state| {
        let by = caller(state);
        if faults::fails(state, faults::FaultKind::Allocation) {
            return None;
        }
        state.memory.pool.allocate(size, TAG, false, by)
    })
}

/// Chooses the buffer for `size` bytes: a new one, or that of `room` bytes at `there`.
fn buffer(allocates: bool, there: usize, room: u16, size: usize) -> Result<(usize, u16), i32> {
    let Ok(whole) = u16::try_from(size) else {
        return Err(STATUS_INVALID_PARAMETER_2);
    };
    if allocates {
        return Ok((allocate(size).ok_or(STATUS_NO_MEMORY)?, whole));
    }
    if whole > room {
        return Err(STATUS_BUFFER_OVERFLOW);
    }
    Ok((there, room))
}

unsafe extern "win64" fn widen(
    to: *mut UNICODE_STRING,
    from: *const NarrowString,
    allocates: u8,
) -> i32 {
    // SAFETY: both are valid, as documented.
    let (from, there) = unsafe { (&*from, &mut *to) };
    let count = usize::from(from.length);
    let size = (count + 1) * 2;
    let buffer = buffer(
        allocates != 0,
        there.Buffer.addr(),
        there.MaximumLength,
        size,
    );
    let (at, room) = match buffer {
        Ok(buffer) => buffer,
        Err(status) => return status,
    };
    let units = at as *mut u16;
    for index in 0..count {
        // SAFETY: the string has so many bytes, as documented.
        let byte = unsafe { from.buffer.add(index).read() };
        // SAFETY: the buffer has so many units.
        unsafe { units.add(index).write(u16::from(byte)) };
    }
    // SAFETY: there is room for the zero.
    unsafe { units.add(count).write(0) };
    there.Length = 2 * from.length;
    there.MaximumLength = room;
    there.Buffer = units;
    STATUS_SUCCESS
}

unsafe extern "win64" fn narrow(
    to: *mut NarrowString,
    from: *const UNICODE_STRING,
    allocates: u8,
) -> i32 {
    // SAFETY: both are valid, as documented.
    let (from, there) = unsafe { (&*from, &mut *to) };
    let count = usize::from(from.Length / 2);
    let buffer = buffer(
        allocates != 0,
        there.buffer.addr(),
        there.maximum,
        count + 1,
    );
    let (at, room) = match buffer {
        Ok(buffer) => buffer,
        Err(status) => return status,
    };
    let bytes = at as *mut u8;
    for index in 0..count {
        // SAFETY: the string has so many units, as documented.
        let unit = unsafe { from.Buffer.add(index).read() };
        let byte = u8::try_from(unit).unwrap_or(b'?');
        // SAFETY: the buffer has so many bytes.
        unsafe { bytes.add(index).write(byte) };
    }
    // SAFETY: there is room for the zero.
    unsafe { bytes.add(count).write(0) };
    there.length = from.Length / 2;
    there.maximum = room;
    there.buffer = bytes;
    STATUS_SUCCESS
}

/// Stores text in a counted string, with a zero behind it: in its buffer, or in a new one.
pub(in crate::exports) fn give_text(string: usize, text: &str, allocates: bool) -> i32 {
    let units: Vec<_> = text.encode_utf16().chain([0]).collect();
    give(string, &units, units.len() - 1, allocates)
}

/// Stores units in a counted string. Its length is that of the first `count`.
pub(super) fn give(string: usize, units: &[u16], count: usize, allocates: bool) -> i32 {
    let there: UNICODE_STRING = get(string);
    let room = there.MaximumLength;
    let buffer = buffer(allocates, there.Buffer.addr(), room, 2 * units.len());
    let (at, room) = match buffer {
        Ok(buffer) => buffer,
        Err(status) => return status,
    };
    for (index, unit) in units.iter().enumerate() {
        set(at + 2 * index, *unit);
    }
    let value = UNICODE_STRING {
        Length: u16::try_from(2 * count).expect("a buffer is not longer"),
        MaximumLength: room,
        Buffer: at as *mut u16,
    };
    set(string, value);
    STATUS_SUCCESS
}

/// Frees the buffer of a string that one of the functions above has allocated.
fn free(at: usize) {
    if at == 0 {
        return;
    }
    let freed = with(|state| {
        let by = caller(state);
        state.memory.pool.free(at, TAG, by)
    });
    if freed.is_err() {
        let what = format!("the string at {at:#x} was freed, which no Rtl function has allocated");
        stop(("0xC2", [0x46, at, 0, 0]), what);
    }
}

unsafe extern "win64" fn free_wide(string: *mut UNICODE_STRING) {
    // SAFETY: it is valid, as documented.
    let string = unsafe { &mut *string };
    free(string.Buffer.addr());
    string.Buffer = std::ptr::null_mut();
    string.Length = 0;
    string.MaximumLength = 0;
}

unsafe extern "win64" fn free_narrow(string: *mut NarrowString) {
    // SAFETY: it is valid, as documented.
    let string = unsafe { &mut *string };
    free(string.buffer.addr());
    string.buffer = std::ptr::null();
    string.length = 0;
    string.maximum = 0;
}

unsafe extern "win64" fn ex_uuid_create(uuid: *mut u128) -> i32 {
    /// Version 4, variant 1: a random one.
    const FIXED: u128 = 0x80 << 64 | 0x4000 << 48;
    const FREE: u128 = !(0xC0 << 64 | 0xF000 << 48);
    if with(|state| faults::fails(state, faults::FaultKind::Allocation)) {
        return STATUS_RETRY;
    }
    let random: u128 = with(|state| state.choices.chance.random());
    // SAFETY: it may be written, as documented, at any alignment.
    unsafe { uuid.write_unaligned(random & FREE | FIXED) };
    STATUS_SUCCESS
}
