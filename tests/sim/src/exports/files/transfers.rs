// SPDX-License-Identifier: MIT OR Apache-2.0

//! Reading and writing files.

use windows_sys::Wdk::System::SystemServices::{IRP_MJ_READ, IRP_MJ_WRITE};
use windows_sys::Win32::Foundation::{
    STATUS_DISK_FULL, STATUS_END_OF_FILE, STATUS_INSUFFICIENT_RESOURCES,
    STATUS_INVALID_DEVICE_REQUEST, STATUS_INVALID_PARAMETER,
};

use super::{complete, devices, file, perform};
use crate::exports::exports;
use crate::exports::io::builds;
use crate::exports::memory::access::{copy, get};
use crate::hardware::irql::PASSIVE_LEVEL;
use crate::kernel::{State, with};
use crate::verifier::faults::{self, FaultKind};

exports! {
    "ZwReadFile" <= PASSIVE_LEVEL => read: i32;
    "ZwWriteFile" <= PASSIVE_LEVEL => write: i32;
    "ZwFlushBuffersFile" <= PASSIVE_LEVEL => flush: i32;
}

/// The most bytes that a file has.
const MOST: u64 = 16 << 20;

/// Where an access begins: `FILE_USE_FILE_POINTER_POSITION` and `FILE_WRITE_TO_END_OF_FILE`.
const AT_POSITION: i64 = -2;
const AT_END: i64 = -1;

/// The bytes that a request is about: the path of the file, where they begin.
fn place(state: &mut State, handle: usize, offset: usize) -> Result<(String, u64), i32> {
    let wanted = if offset == 0 {
        AT_POSITION
    } else {
        get::<i64>(offset)
    };
    let file = file(state, handle)?;
    let (path, position) = (file.path.clone(), file.position);
    let Some(content) = state.objects.file_system.content(&path) else {
        return Err(STATUS_INVALID_DEVICE_REQUEST);
    };
    let begin = match wanted {
        AT_POSITION => position.ok_or(STATUS_INVALID_PARAMETER)?,
        AT_END => content.len() as u64,
        offset => u64::try_from(offset).map_err(|_| STATUS_INVALID_PARAMETER)?,
    };
    Ok((path, begin))
}

/// An access of a synchronous file has ended there.
fn move_to(state: &mut State, handle: usize, end: u64) {
    if let Ok(file) = file(state, handle)
        && let Some(position) = &mut file.position
    {
        *position = end;
    }
}

unsafe extern "win64" fn read(
    handle: usize,
    event: usize,
    routine: usize,
    _context: usize,
    block: usize,
    buffer: usize,
    length: u32,
    offset: usize,
    _key: usize,
) -> i32 {
    if devices::is_device(handle) {
        let (transfer, buffer) = ((IRP_MJ_READ, "ZwReadFile"), (buffer, length));
        return send(transfer, handle, (event, routine), block, buffer, offset);
    }
    perform("ZwReadFile", event, routine, block, || {
        read_bytes(handle, buffer, length, offset)
    })
}

/// Sends a request to read or write to a device.
fn send(
    (major, function): (u32, &str),
    handle: usize,
    notice: (usize, usize),
    block: usize,
    (buffer, length): (usize, u32),
    offset: usize,
) -> i32 {
    devices::send(function, handle, notice, block, |device, event| {
        let offset = offset as *const u64;
        // SAFETY: this passes on the driver's own arguments, under the same documented contract.
        unsafe { builds::synchronous(major, device, buffer, length, offset, event, block) }
    })
}

fn read_bytes(handle: usize, buffer: usize, length: u32, offset: usize) -> Result<usize, i32> {
    let read = with(|state| {
        let (path, begin) = place(state, handle, offset)?;
        if faults::fails(state, FaultKind::Allocation) {
            return Err(STATUS_INSUFFICIENT_RESOURCES);
        }
        let content = state.objects.file_system.content(&path);
        let bytes = content.map_or(&[][..], |content| content);
        let begin = usize::try_from(begin)
            .unwrap_or(usize::MAX)
            .min(bytes.len());
        let end = begin.saturating_add(length as usize).min(bytes.len());
        let bytes = bytes[begin..end].to_vec();
        if bytes.is_empty() && length != 0 {
            return Err(STATUS_END_OF_FILE);
        }
        move_to(state, handle, end as u64);
        Ok(bytes)
    });
    read.map(|bytes| {
        // SAFETY: the buffer has the length that was asked for, as documented.
        unsafe { copy(bytes.as_ptr(), buffer as *mut u8, bytes.len()) };
        bytes.len()
    })
}

unsafe extern "win64" fn write(
    handle: usize,
    event: usize,
    routine: usize,
    _context: usize,
    block: usize,
    buffer: usize,
    length: u32,
    offset: usize,
    _key: usize,
) -> i32 {
    if devices::is_device(handle) {
        let (transfer, buffer) = ((IRP_MJ_WRITE, "ZwWriteFile"), (buffer, length));
        return send(transfer, handle, (event, routine), block, buffer, offset);
    }
    perform("ZwWriteFile", event, routine, block, || {
        write_bytes(handle, buffer, length, offset)
    })
}

fn write_bytes(handle: usize, buffer: usize, length: u32, offset: usize) -> Result<usize, i32> {
    let mut bytes = vec![0; length as usize];
    // SAFETY: the buffer has that length, as documented.
    unsafe { copy(buffer as *const u8, bytes.as_mut_ptr(), bytes.len()) };
    with(|state| {
        let (path, begin) = place(state, handle, offset)?;
        let end = begin.saturating_add(u64::from(length));
        if end > MOST || faults::fails(state, FaultKind::Allocation) {
            return Err(STATUS_DISK_FULL);
        }
        let content = state.objects.file_system.content(&path);
        let content = content.ok_or(STATUS_INVALID_DEVICE_REQUEST)?;
        let end = usize::try_from(end).expect("it is small");
        let begin = end - bytes.len();
        content.resize(content.len().max(end), 0);
        content[begin..end].copy_from_slice(&bytes);
        move_to(state, handle, end as u64);
        Ok(bytes.len())
    })
}

unsafe extern "win64" fn flush(handle: usize, block: usize) -> i32 {
    devices::forbid_device(handle, "ZwFlushBuffersFile");
    let found = with(|state| file(state, handle).map(|_| 0));
    complete(block, found)
}
