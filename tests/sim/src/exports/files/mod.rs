// SPDX-License-Identifier: MIT OR Apache-2.0

//! Files by handles, on a volume in memory, and devices.
//!
//! All requests are complete when the functions return, but for those of devices.

pub(super) mod devices;
mod directories;
mod information;
mod opening;
mod transfers;

use windows_sys::Win32::Foundation::{STATUS_INVALID_HANDLE, STATUS_OBJECT_TYPE_MISMATCH};

use crate::exports::memory::access::set;
use crate::exports::sync::event_handles;
use crate::findings::unsupported;
use crate::kernel::State;
use crate::loader::export::Export;
use crate::objects::file_system::OpenFile;
use crate::objects::handles::Object;

/// What the files of this folder export.
pub(super) const TABLES: &[&[Export]] = &[
    devices::EXPORTS,
    directories::EXPORTS,
    information::EXPORTS,
    opening::EXPORTS,
    transfers::EXPORTS,
];

/// The file that `handle` stands for, or the status of a function that is given it.
fn file(state: &mut State, handle: usize) -> Result<&mut OpenFile, i32> {
    let number = match state.objects.handles.get(handle) {
        Some(Object::File { number, .. }) => *number,
        Some(_) => return Err(STATUS_OBJECT_TYPE_MISMATCH),
        None => return Err(STATUS_INVALID_HANDLE),
    };
    let opened = state.objects.file_system.opened(number);
    opened.ok_or(STATUS_INVALID_HANDLE)
}

/// Performs a request that `what` requests, for which a driver passes an event, or 0: the event is
/// signalled when the request is complete.
fn perform(
    what: &str,
    event: usize,
    routine: usize,
    block: usize,
    request: impl FnOnce() -> Result<usize, i32>,
) -> i32 {
    if routine != 0 {
        unsupported(format!("passes a routine to {what}"));
    }
    let completion = match event_handles::begin_request(event) {
        Ok(completion) => completion,
        Err(status) => return status,
    };
    let status = complete(block, request());
    event_handles::end_request(completion, status < 0);
    status
}

/// Writes an `IO_STATUS_BLOCK` for what has come of a request. Returns the status.
fn complete(block: usize, result: Result<usize, i32>) -> i32 {
    let status = result.err().unwrap_or_default();
    set(block, status);
    set(block + 8, result.unwrap_or_default());
    status
}
