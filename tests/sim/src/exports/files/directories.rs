// SPDX-License-Identifier: MIT OR Apache-2.0

//! The content of directories.
//!
//! Entries come in the order of their names, after `.` and `..`, which the root of the volume does
//! not have. The expression of the first request for a handle is that of all.

use windows_sys::Win32::Foundation::{
    STATUS_BUFFER_OVERFLOW, STATUS_INFO_LENGTH_MISMATCH, STATUS_INSUFFICIENT_RESOURCES,
    STATUS_INVALID_PARAMETER, STATUS_NO_MORE_FILES, STATUS_NO_SUCH_FILE, UNICODE_STRING,
};

use super::information::{IS_DIRECTORY, IS_NORMAL};
use super::{devices, file, perform};
use crate::exports::data::strings;
use crate::exports::exports;
use crate::exports::memory::access::copy;
use crate::findings::unsupported;
use crate::hardware::irql::PASSIVE_LEVEL;
use crate::kernel::{State, with};
use crate::objects::file_system::{Entry, Scan};
use crate::objects::names::fold;
use crate::verifier::faults::{self, FaultKind};

exports! {
    "ZwQueryDirectoryFile" <= PASSIVE_LEVEL => query: i32;
}

/// Classes of information, and where their structures have the length of the name and the name.
const DIRECTORY: u32 = 1;
const FULL_DIRECTORY: u32 = 2;
const BOTH_DIRECTORY: u32 = 3;
const NAMES: u32 = 12;

/// The structure of a class for an entry, without the offset of the next one. Returns it with
/// the length that it has before the name.
fn structure(class: u32, entry: &Entry) -> Option<(Vec<u8>, usize)> {
    let units: Vec<u8> = entry
        .name
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let length = u32::try_from(units.len()).expect("a name is short");
    let mut bytes = vec![0; 8];
    if class != NAMES {
        // Four times, of which none is kept.
        bytes.resize(40, 0);
        bytes.extend(entry.length.to_le_bytes());
        bytes.extend(entry.length.next_multiple_of(4096).to_le_bytes());
        let attributes = if entry.is_directory {
            IS_DIRECTORY
        } else {
            IS_NORMAL
        };
        bytes.extend(attributes.to_le_bytes());
    }
    bytes.extend(length.to_le_bytes());
    let before = match class {
        DIRECTORY => 64,
        FULL_DIRECTORY => 68,
        // No entry has a short name.
        BOTH_DIRECTORY => 94,
        NAMES => 12,
        _ => return None,
    };
    bytes.resize(before, 0);
    bytes.extend(units);
    Some((bytes, before))
}

/// Returns `true` if a name matches an expression, both as they are compared.
fn matches(name: &[u8], expression: &[u8]) -> bool {
    match (name, expression) {
        ([], []) => true,
        (_, [b'*', rest @ ..]) => (0..=name.len()).any(|skipped| matches(&name[skipped..], rest)),
        ([_, name @ ..], [b'?', rest @ ..]) => matches(name, rest),
        ([one, name @ ..], [other, rest @ ..]) => one == other && matches(name, rest),
        _ => false,
    }
}

/// What a driver asks for.
struct Query {
    length: usize,
    class: u32,
    is_single: bool,
    expression: Option<String>,
    restarts: bool,
}

/// The entries that come next, as they fit into the buffer, and their status.
fn next(state: &mut State, handle: usize, query: &Query) -> Result<Vec<u8>, (i32, Vec<u8>)> {
    let failed = |status| (status, Vec::new());
    let path = file(state, handle).map_err(failed)?.path.clone();
    let Some(all) = state.objects.file_system.entries(&path) else {
        return Err(failed(STATUS_INVALID_PARAMETER));
    };
    if faults::fails(state, FaultKind::Allocation) {
        return Err(failed(STATUS_INSUFFICIENT_RESOURCES));
    }
    let file = file(state, handle).map_err(failed)?;
    let is_first = file.scan.is_none();
    let scan = file.scan.get_or_insert_with(|| Scan {
        expression: fold(query.expression.as_deref().unwrap_or("*")),
        passed: 0,
    });
    if query.restarts {
        scan.passed = 0;
    }
    // Every file has what `*.*` asks for.
    let expression = match &*scan.expression {
        "*.*" => "*",
        other => other,
    };
    let matching = all
        .iter()
        .filter(|entry| matches(fold(&entry.name).as_bytes(), expression.as_bytes()));
    let mut bytes: Vec<u8> = Vec::new();
    let (mut last, mut found, begin) = (None, 0, scan.passed);
    for entry in matching.skip(begin) {
        let Some((one, before)) = structure(query.class, entry) else {
            unsupported(format!(
                "asks for directory information of class {}",
                query.class
            ));
        };
        if query.length < before {
            return Err(failed(STATUS_INFO_LENGTH_MISMATCH));
        }
        found += 1;
        let at = bytes.len().next_multiple_of(8);
        if at + one.len() > query.length {
            if last.is_none() && is_first {
                return Err((STATUS_BUFFER_OVERFLOW, one[..query.length].to_vec()));
            }
            break;
        }
        if let Some(last) = last.replace(at) {
            let offset = u32::try_from(at - last).expect("an entry is short");
            bytes[last..last + 4].copy_from_slice(&offset.to_le_bytes());
        }
        bytes.resize(at, 0);
        bytes.extend(one);
        scan.passed += 1;
        if query.is_single {
            break;
        }
    }
    match found {
        0 if is_first => Err(failed(STATUS_NO_SUCH_FILE)),
        0 => Err(failed(STATUS_NO_MORE_FILES)),
        // Nothing at all, if the buffer is too small for a later request.
        _ => Ok(bytes),
    }
}

unsafe extern "win64" fn query(
    handle: usize,
    event: usize,
    routine: usize,
    _context: usize,
    block: usize,
    buffer: usize,
    length: u32,
    class: u32,
    is_single: u8,
    expression: *const UNICODE_STRING,
    restarts: u8,
) -> i32 {
    devices::forbid_device(handle, "ZwQueryDirectoryFile");
    let expression = (!expression.is_null()).then(|| {
        // SAFETY: the expression is null or valid, as documented.
        unsafe { strings::text(expression) }
    });
    let query = Query {
        length: length as usize,
        class,
        is_single: is_single != 0,
        expression: expression.filter(|it| !it.is_empty()),
        restarts: restarts != 0,
    };
    perform("ZwQueryDirectoryFile", event, routine, block, || {
        let (bytes, result) = match with(|state| next(state, handle, &query)) {
            Ok(bytes) => {
                let count = bytes.len();
                (bytes, Ok(count))
            }
            Err((status, bytes)) => (bytes, Err(status)),
        };
        // SAFETY: the buffer has that length, as documented.
        unsafe { copy(bytes.as_ptr(), buffer as *mut u8, bytes.len()) };
        result
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_match_expressions_with_any_number_of_stars() {
        let is = |name: &str, expression: &str| matches(name.as_bytes(), expression.as_bytes());
        assert!(is("a.log", "*.log") && is("a.log", "?.l*g") && is("a.log", "a.log"));
        assert!(is("", "*") && is("abc", "*b*") && is("a.b.c", "*.c"));
        assert!(!is("a.log", "*.lo") && !is("ab", "?") && !is("a", "") && !is("", "?"));
    }

    #[test]
    fn structures_have_their_names_where_they_are_documented() {
        let entry = Entry {
            name: "ab".to_owned(),
            is_directory: false,
            length: 5000,
        };
        for (class, size, before) in [(1, 60, 64), (2, 60, 68), (3, 60, 94), (12, 8, 12)] {
            let (bytes, found) = structure(class, &entry).expect("a class");
            assert_eq!((found, bytes.len()), (before, before + 4), "{class}");
            assert_eq!(bytes[size..size + 4], 4_u32.to_le_bytes(), "{class}");
            assert_eq!(bytes[before..], *b"a\0b\0", "{class}");
        }
        let (bytes, _) = structure(1, &entry).expect("a class");
        assert_eq!(bytes[40..48], 5000_u64.to_le_bytes());
        assert_eq!(bytes[48..56], 8192_u64.to_le_bytes());
        assert_eq!(bytes[56..60], IS_NORMAL.to_le_bytes());
    }
}
