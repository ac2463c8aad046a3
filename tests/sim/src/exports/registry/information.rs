// SPDX-License-Identifier: MIT OR Apache-2.0

//! What keys and values are in the structures in which drivers get them.

use windows_sys::Win32::Foundation::{
    STATUS_BUFFER_OVERFLOW, STATUS_BUFFER_TOO_SMALL, STATUS_INVALID_PARAMETER, STATUS_SUCCESS,
};

use crate::exports::memory::access::{copy, set};
use crate::objects::registry::{Registry, Value};

/// Where a driver wants a structure.
#[derive(Clone, Copy)]
pub(super) struct Buffer {
    pub(super) at: usize,
    pub(super) length: u32,
    /// Where the length goes that the whole structure has.
    pub(super) needed: usize,
}

/// A structure whose beginning has a fixed length.
pub(super) struct Information {
    bytes: Vec<u8>,
    fixed: usize,
}

impl Information {
    fn new(fixed: &[u32], rest: &[&[u8]]) -> Self {
        let mut bytes: Vec<u8> = fixed.iter().flat_map(|word| word.to_le_bytes()).collect();
        let fixed = bytes.len();
        bytes.extend(rest.concat());
        Self { bytes, fixed }
    }

    /// Copies as much as there is room for. Returns the status.
    fn give(self, buffer: Buffer) -> i32 {
        let Self { bytes, fixed } = self;
        let needed = length(bytes.len());
        set(buffer.needed, needed);
        let room = buffer.length as usize;
        if room < fixed {
            return STATUS_BUFFER_TOO_SMALL;
        }
        // SAFETY: the buffer has that length, as documented.
        unsafe { copy(bytes.as_ptr(), buffer.at as *mut u8, bytes.len().min(room)) };
        if buffer.length < needed {
            STATUS_BUFFER_OVERFLOW
        } else {
            STATUS_SUCCESS
        }
    }
}

/// Answers a request for a structure, which has none if its class is not known. Returns the status.
pub(super) fn answer(found: Result<Option<Information>, i32>, buffer: Buffer) -> i32 {
    match found {
        Ok(Some(found)) => found.give(buffer),
        Ok(None) => STATUS_INVALID_PARAMETER,
        Err(status) => status,
    }
}

fn length(bytes: usize) -> u32 {
    u32::try_from(bytes).expect("the registry keeps no more")
}

fn units(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

/// What there is to know about a key with this path and this name; `None` if the class is not
/// one for keys. When a key was last written to is not kept.
pub(super) fn of_key(
    registry: &Registry,
    class: u32,
    path: &str,
    name: &str,
) -> Option<Information> {
    /// No class was given to the key.
    const NO_CLASS: u32 = u32::MAX;
    let text = units(name);
    let size = length(text.len());
    Some(match class {
        // `KeyBasicInformation`.
        0 => Information::new(&[0, 0, 0, size], &[&text]),
        // `KeyNodeInformation`.
        1 => Information::new(&[0, 0, 0, NO_CLASS, 0, size], &[&text]),
        // `KeyFullInformation`.
        2 => {
            let subkeys = registry.subkeys(path);
            let longest = |names: &mut dyn Iterator<Item = usize>| length(names.max().unwrap_or(0));
            let longest_key = longest(&mut subkeys.iter().map(|it| units(it).len()));
            let values = || registry.values(path);
            let longest_name = longest(&mut values().map(|it| units(&it.name).len()));
            let longest_data = longest(&mut values().map(|it| it.data.len()));
            let fixed = [
                0,
                0,
                0,
                NO_CLASS,
                0,
                length(subkeys.len()),
                longest_key,
                0,
                length(values().count()),
                longest_name,
                longest_data,
            ];
            Information::new(&fixed, &[])
        }
        // `KeyNameInformation`.
        3 => {
            let path = units(path);
            Information::new(&[length(path.len())], &[&path])
        }
        _ => return None,
    })
}

/// What there is to know about a value; `None` if the class is not one for values.
pub(super) fn of_value(class: u32, value: &Value) -> Option<Information> {
    let name = units(&value.name);
    let (kind, name_size, size) = (value.kind, length(name.len()), length(value.data.len()));
    Some(match class {
        // `KeyValueBasicInformation`.
        0 => Information::new(&[0, kind, name_size], &[&name]),
        // `KeyValueFullInformation`: the data begins at a multiple of 4.
        1 => {
            const FIXED: usize = 20;
            let offset = (FIXED + name.len()).next_multiple_of(4);
            let gap = vec![0; offset - FIXED - name.len()];
            Information::new(
                &[0, kind, length(offset), size, name_size],
                &[&name, &gap, &value.data],
            )
        }
        // `KeyValuePartialInformation`.
        2 => Information::new(&[0, kind, size], &[&value.data]),
        // `KeyValuePartialInformationAlign64`.
        4 => Information::new(&[kind, size], &[&value.data]),
        _ => return None,
    })
}
