// SPDX-License-Identifier: MIT OR Apache-2.0

//! What there is to know about a file, and to change.

use windows_sys::Win32::Foundation::{
    STATUS_BUFFER_OVERFLOW, STATUS_INFO_LENGTH_MISMATCH, STATUS_INVALID_PARAMETER,
    STATUS_OBJECT_NAME_COLLISION, STATUS_OBJECT_PATH_NOT_FOUND,
};

use super::{complete, devices, file};
use crate::exports::exports;
use crate::exports::memory::access::{copy, get};
use crate::findings::unsupported;
use crate::hardware::irql::PASSIVE_LEVEL;
use crate::kernel::{State, with};
use crate::objects::file_system::{Node, normal};

exports! {
    "ZwQueryInformationFile" <= PASSIVE_LEVEL => query: i32;
    "ZwSetInformationFile" <= PASSIVE_LEVEL => change: i32;
}

/// Classes.
const BASIC: u32 = 4;
const STANDARD: u32 = 5;
const NAME: u32 = 9;
const RENAME: u32 = 10;
const DISPOSITION: u32 = 13;
const POSITION: u32 = 14;
const ALLOCATION: u32 = 19;
const END_OF_FILE: u32 = 20;

/// `FILE_ATTRIBUTE_DIRECTORY` and `FILE_ATTRIBUTE_NORMAL`.
pub(super) const IS_DIRECTORY: u32 = 0x10;
pub(super) const IS_NORMAL: u32 = 0x80;

/// The structure of a class, `None` if it is not known here.
fn information(state: &mut State, handle: usize, class: u32) -> Result<Option<Vec<u8>>, i32> {
    let file = file(state, handle)?.clone();
    let node = state.objects.file_system.node(&file.path);
    let is_directory = matches!(node, Some(Node::Directory));
    let length = match node {
        Some(Node::File(content)) => content.len() as u64,
        _ => 0,
    };
    Ok(Some(match class {
        // Four times, of which none is kept, and the attributes.
        BASIC => {
            let attributes = if is_directory {
                IS_DIRECTORY
            } else {
                IS_NORMAL
            };
            let mut bytes = vec![0; 32];
            bytes.extend(u64::from(attributes).to_le_bytes());
            bytes
        }
        STANDARD => {
            let allocated = length.next_multiple_of(4096);
            let mut bytes = [allocated.to_le_bytes(), length.to_le_bytes()].concat();
            let flags = [u8::from(file.is_deleted), u8::from(is_directory), 0, 0];
            bytes.extend(1_u32.to_le_bytes());
            bytes.extend(flags);
            bytes
        }
        // From the volume on.
        NAME => {
            let name = file.path.split_once(':').map_or("", |(_, name)| name);
            let units: Vec<_> = name.encode_utf16().flat_map(u16::to_le_bytes).collect();
            let size = u32::try_from(units.len()).expect("a path is short");
            [&size.to_le_bytes()[..], &units].concat()
        }
        POSITION => file.position.unwrap_or_default().to_le_bytes().to_vec(),
        _ => return Ok(None),
    }))
}

unsafe extern "win64" fn query(
    handle: usize,
    block: usize,
    buffer: usize,
    length: u32,
    class: u32,
) -> i32 {
    devices::forbid_device(handle, "ZwQueryInformationFile");
    let bytes = match with(|state| information(state, handle, class)) {
        Ok(Some(bytes)) => bytes,
        Ok(None) => unsupported(format!("asks for file information of class {class}")),
        Err(status) => return complete(block, Err(status)),
    };
    let room = length as usize;
    // Only a name has no fixed length.
    if room < bytes.len() && (class != NAME || room < 8) {
        return complete(block, Err(STATUS_INFO_LENGTH_MISMATCH));
    }
    let fitting = room.min(bytes.len());
    // SAFETY: the buffer has that length, as documented.
    unsafe { copy(bytes.as_ptr(), buffer as *mut u8, fitting) };
    if fitting < bytes.len() {
        return complete(block, Err(STATUS_BUFFER_OVERFLOW));
    }
    complete(block, Ok(fitting))
}

/// The path to which a `FILE_RENAME_INFORMATION` moves a file, and whether it replaces what is
/// there.
fn renamed(buffer: usize, from: &str) -> (String, String, bool) {
    let replaces = get::<u8>(buffer) != 0;
    let size: u32 = get(buffer + 16);
    let units: Vec<u16> = (0..size as usize / 2)
        .map(|index| get(buffer + 20 + 2 * index))
        .collect();
    let name = String::from_utf16_lossy(&units);
    if name.starts_with('\\') {
        return (normal(&name), name, replaces);
    }
    let directory = from
        .rsplit_once('\\')
        .map_or("", |(directory, _)| directory);
    (normal(&format!(r"{directory}\{name}")), name, replaces)
}

/// Changes what a class is about.
fn set_information(state: &mut State, handle: usize, class: u32, buffer: usize) -> Result<(), i32> {
    let path = file(state, handle)?.path.clone();
    match class {
        DISPOSITION => {
            let is_deleted = get::<u8>(buffer) != 0;
            if is_deleted {
                state.objects.file_system.check_deletable(&path)?;
            }
            file(state, handle)?.is_deleted = is_deleted;
        }
        POSITION => {
            let position = u64::try_from(get::<i64>(buffer));
            let position = position.map_err(|_| STATUS_INVALID_PARAMETER)?;
            let file = file(state, handle)?;
            file.position = file.position.map(|_| position);
        }
        END_OF_FILE => {
            let length = usize::try_from(get::<i64>(buffer));
            let length = length.ok().filter(|length| *length <= 16 << 20);
            let length = length.ok_or(STATUS_INVALID_PARAMETER)?;
            let content = state.objects.file_system.content(&path);
            content.ok_or(STATUS_INVALID_PARAMETER)?.resize(length, 0);
        }
        RENAME => {
            let (to, spelling, replaces) = renamed(buffer, &path);
            let system = &mut state.objects.file_system;
            if !system.has_parent(&to) {
                return Err(STATUS_OBJECT_PATH_NOT_FOUND);
            }
            if system.node(&to).is_some() && !replaces || !system.rename(&path, &to, &spelling) {
                return Err(STATUS_OBJECT_NAME_COLLISION);
            }
        }
        _ => {}
    }
    Ok(())
}

unsafe extern "win64" fn change(
    handle: usize,
    block: usize,
    buffer: usize,
    length: u32,
    class: u32,
) -> i32 {
    devices::forbid_device(handle, "ZwSetInformationFile");
    let least = match class {
        BASIC => 40,
        RENAME => 24,
        DISPOSITION => 1,
        POSITION | ALLOCATION | END_OF_FILE => 8,
        _ => unsupported(format!("changes file information of class {class}")),
    };
    if length < least {
        return complete(block, Err(STATUS_INFO_LENGTH_MISMATCH));
    }
    let changed = with(|state| set_information(state, handle, class, buffer));
    complete(block, changed.map(|()| 0))
}
