// SPDX-License-Identifier: MIT OR Apache-2.0

//! The buffers of requests.

use windows_sys::Wdk::System::SystemServices::{
    IRP_MJ_DEVICE_CONTROL, IRP_MJ_INTERNAL_DEVICE_CONTROL, IRP_MJ_READ, IRP_MJ_WRITE,
};
use windows_sys::Win32::Foundation::{
    STATUS_BUFFER_TOO_SMALL, STATUS_INVALID_DEVICE_REQUEST, STATUS_SUCCESS,
};

use super::memory::{self, Memory};
use super::objects::{self, Kind};
use super::request::{change, request};
use super::unsupported;
use crate::exports::exports;
use crate::hardware::irql::DISPATCH_LEVEL;
use crate::io::irp::{Irp, stack_location};

exports! {
    of "wdf01000.sys":
    "WdfRequestRetrieveInputBuffer" <= DISPATCH_LEVEL => retrieve_input_buffer: i32;
    "WdfRequestRetrieveOutputBuffer" <= DISPATCH_LEVEL => retrieve_output_buffer: i32;
    "WdfRequestRetrieveInputMemory" <= DISPATCH_LEVEL => retrieve_input_memory: i32;
    "WdfRequestRetrieveOutputMemory" <= DISPATCH_LEVEL => retrieve_output_memory: i32;
}

/// Which of a request's buffers is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Which {
    Input,
    Output,
}

/// The buffer of a request, of whose bytes `least` are wanted.
fn retrieve(irp: *mut Irp, which: Which, least: usize) -> Result<Memory, i32> {
    const BUFFERED: usize = 0;
    const NEITHER: usize = 3;
    // SAFETY: a request that is not complete is in memory.
    let (major, output, input, code, at, mdl) = unsafe {
        let location = stack_location(irp);
        (
            u32::from((*location).major),
            (*location).output_length,
            (*location).input_length,
            (*location).code,
            (*irp).system_buffer,
            (*irp).mdl,
        )
    };
    let controls = matches!(
        major,
        IRP_MJ_DEVICE_CONTROL | IRP_MJ_INTERNAL_DEVICE_CONTROL
    );
    let size = match (which, major) {
        // Reads and writes have their only length at the same place.
        (Which::Output, IRP_MJ_READ) | (Which::Input, IRP_MJ_WRITE) => output,
        (Which::Output, _) if controls => output,
        (Which::Input, _) if controls => input,
        _ => return Err(STATUS_INVALID_DEVICE_REQUEST),
    };
    match (code & 3, which) {
        _ if !controls && mdl != 0 => {
            unsupported("the buffer of a read or write with direct I/O");
        }
        _ if !controls && at == 0 && size > 0 => return Err(STATUS_INVALID_DEVICE_REQUEST),
        _ if !controls => {}
        (NEITHER, _) => return Err(STATUS_INVALID_DEVICE_REQUEST),
        (BUFFERED, _) | (_, Which::Input) => {}
        _ => unsupported("the output of a request with a method of direct I/O"),
    }
    if size == 0 || size < least {
        return Err(STATUS_BUFFER_TOO_SMALL);
    }
    let is_owned = false;
    Ok(Memory { at, size, is_owned })
}

/// # Safety
///
/// `buffer` may be written, and `length` unless it is null.
unsafe fn retrieve_buffer(
    handle: usize,
    which: Which,
    least: usize,
    buffer: *mut usize,
    length: *mut usize,
) -> i32 {
    let memory = match retrieve(request(handle), which, least) {
        Ok(memory) => memory,
        Err(status) => return status,
    };
    // SAFETY: it may be written, by this function's contract.
    unsafe { buffer.write(memory.at) };
    if !length.is_null() {
        // SAFETY: it may be written unless it is null, by this function's contract.
        unsafe { length.write(memory.size) };
    }
    STATUS_SUCCESS
}

unsafe extern "win64" fn retrieve_input_buffer(
    _globals: usize,
    handle: usize,
    least: usize,
    buffer: *mut usize,
    length: *mut usize,
) -> i32 {
    // SAFETY: both may be written, as documented.
    unsafe { retrieve_buffer(handle, Which::Input, least, buffer, length) }
}

unsafe extern "win64" fn retrieve_output_buffer(
    _globals: usize,
    handle: usize,
    least: usize,
    buffer: *mut usize,
    length: *mut usize,
) -> i32 {
    // SAFETY: both may be written, as documented.
    unsafe { retrieve_buffer(handle, Which::Output, least, buffer, length) }
}

/// # Safety
///
/// `memory` may be written.
unsafe fn retrieve_memory(handle: usize, which: Which, memory: *mut usize) -> i32 {
    let irp = request(handle);
    let buffer = match retrieve(irp, which, 0) {
        Ok(buffer) => buffer,
        Err(status) => return status,
    };
    let known = change(irp, |request| {
        (request.globals, request.memories[which as usize])
    });
    let Some((globals, there)) = known else {
        return STATUS_INVALID_DEVICE_REQUEST;
    };
    let attributes = objects::Attributes::default();
    let found =
        there.or_else(|| memory::add(globals, Kind::Memory, &attributes, irp.addr(), buffer));
    change(irp, |request| request.memories[which as usize] = found);
    // SAFETY: it may be written, by this function's contract.
    unsafe { objects::publish(memory, found) }
}

unsafe extern "win64" fn retrieve_input_memory(
    _globals: usize,
    handle: usize,
    memory: *mut usize,
) -> i32 {
    // SAFETY: it may be written, as documented.
    unsafe { retrieve_memory(handle, Which::Input, memory) }
}

unsafe extern "win64" fn retrieve_output_memory(
    _globals: usize,
    handle: usize,
    memory: *mut usize,
) -> i32 {
    // SAFETY: it may be written, as documented.
    unsafe { retrieve_memory(handle, Which::Output, memory) }
}
