// SPDX-License-Identifier: MIT OR Apache-2.0

//! The buffers of requests.

use rand::RngExt;
use windows_sys::Wdk::System::SystemServices::{
    IRP_MJ_DEVICE_CONTROL, IRP_MJ_INTERNAL_DEVICE_CONTROL, IRP_MJ_READ, IRP_MJ_WRITE,
};
use windows_sys::Win32::Foundation::{
    STATUS_ACCESS_VIOLATION, STATUS_BUFFER_TOO_SMALL, STATUS_INSUFFICIENT_RESOURCES,
    STATUS_INVALID_DEVICE_REQUEST, STATUS_INVALID_USER_BUFFER, STATUS_SUCCESS,
};

use super::TAG;
use super::memory::{self, Memory};
use super::objects::{self, Kind};
use super::request::{self as requests, change, request};
use crate::exports::exports;
use crate::hardware::irql::{APC_LEVEL, DISPATCH_LEVEL};
use crate::io::irp::{Irp, stack_location};
use crate::io::mdl::{self, Mdl, NON_PAGED};
use crate::kernel::with;

exports! {
    of "wdf01000.sys":
    "WdfRequestRetrieveInputBuffer" <= DISPATCH_LEVEL => retrieve_input_buffer: i32;
    "WdfRequestRetrieveOutputBuffer" <= DISPATCH_LEVEL => retrieve_output_buffer: i32;
    "WdfRequestRetrieveInputMemory" <= DISPATCH_LEVEL => retrieve_input_memory: i32;
    "WdfRequestRetrieveOutputMemory" <= DISPATCH_LEVEL => retrieve_output_memory: i32;
    "WdfRequestRetrieveInputWdmMdl" <= DISPATCH_LEVEL => retrieve_input_mdl: i32;
    "WdfRequestRetrieveOutputWdmMdl" <= DISPATCH_LEVEL => retrieve_output_mdl: i32;
    "WdfRequestRetrieveUnsafeUserInputBuffer" <= APC_LEVEL => retrieve_user_input: i32;
    "WdfRequestRetrieveUnsafeUserOutputBuffer" <= APC_LEVEL => retrieve_user_output: i32;
    "WdfRequestProbeAndLockUserBufferForRead" <= APC_LEVEL => lock_for_read: i32;
    "WdfRequestProbeAndLockUserBufferForWrite" <= APC_LEVEL => lock_for_write: i32;
}

/// Which of a request's buffers is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Which {
    Input,
    Output,
}

/// The buffer of a request, of whose bytes `least` are wanted.
fn retrieve(irp: *mut Irp, which: Which, least: usize) -> Result<Memory, i32> {
    retrieve_with_mdl(irp, which, least).map(|(memory, _)| memory)
}

/// Retrieves a buffer with the MDL that describes it, or 0 if the I/O manager has created no MDL.
fn retrieve_with_mdl(irp: *mut Irp, which: Which, least: usize) -> Result<(Memory, usize), i32> {
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
    let mut mapped = 0;
    let size = match (which, major) {
        // Reads and writes have their only length at the same place.
        (Which::Output, IRP_MJ_READ) | (Which::Input, IRP_MJ_WRITE) => output,
        (Which::Output, _) if controls => output,
        (Which::Input, _) if controls => input,
        _ => return Err(STATUS_INVALID_DEVICE_REQUEST),
    };
    match (code & 3, which) {
        _ if !controls && mdl != 0 => mapped = mdl,
        _ if !controls && at == 0 && size > 0 => return Err(STATUS_INVALID_DEVICE_REQUEST),
        _ if !controls => {}
        (NEITHER, _) => return Err(STATUS_INVALID_DEVICE_REQUEST),
        (BUFFERED, _) | (_, Which::Input) => {}
        _ => mapped = mdl,
    }
    if size == 0 || size < least {
        return Err(STATUS_BUFFER_TOO_SMALL);
    }
    let at = if mapped == 0 {
        at
    } else {
        // SAFETY: the MDL of a request that is not complete is in memory, and its pages are mapped.
        unsafe { (*(mapped as *const Mdl)).mapped }
    };
    let is_owned = false;
    Ok((Memory { at, size, is_owned }, mapped))
}

/// Retrieves the MDL of a buffer: that of the request, or a new one for the system buffer.
///
/// # Safety
///
/// `to` may be written.
unsafe fn retrieve_mdl(handle: usize, which: Which, to: *mut usize) -> i32 {
    let irp = request(handle);
    let (memory, mdl) = match retrieve_with_mdl(irp, which, 0) {
        Ok(found) => found,
        Err(status) => return status,
    };
    let known = change(irp, |request| request.mdls[which as usize]).flatten();
    let mdl = if mdl == 0 { known } else { Some(mdl) };
    let mdl = mdl.or_else(|| {
        let size = mdl::size(memory.at, memory.size);
        let new = with(|state| state.memory.pool.allocate(size, TAG, true, None))?;
        let length = u32::try_from(memory.size).expect("requests are small");
        let mut mdl = Mdl::new(memory.at, length, NON_PAGED);
        mdl.mapped = memory.at;
        // SAFETY: the memory was just allocated for it.
        unsafe { (new as *mut Mdl).write(mdl) };
        change(irp, |request| request.mdls[which as usize] = Some(new));
        Some(new)
    });
    let Some(mdl) = mdl else {
        return STATUS_INSUFFICIENT_RESOURCES;
    };
    // SAFETY: it may be written, by this function's contract.
    unsafe { to.write(mdl) };
    STATUS_SUCCESS
}

unsafe extern "win64" fn retrieve_input_mdl(
    _globals: usize,
    handle: usize,
    mdl: *mut usize,
) -> i32 {
    // SAFETY: it may be written, as documented.
    unsafe { retrieve_mdl(handle, Which::Input, mdl) }
}

unsafe extern "win64" fn retrieve_output_mdl(
    _globals: usize,
    handle: usize,
    mdl: *mut usize,
) -> i32 {
    // SAFETY: it may be written, as documented.
    unsafe { retrieve_mdl(handle, Which::Output, mdl) }
}

/// Retrieves a program's buffer, for a request with neither buffered nor direct I/O in
/// `EvtIoInCallerContext`.
///
/// # Safety
///
/// `buffer` may be written, and `length` unless it is null.
unsafe fn retrieve_user(
    handle: usize,
    which: Which,
    least: usize,
    buffer: *mut usize,
    length: *mut usize,
) -> i32 {
    let irp = request(handle);
    // SAFETY: a request that is not complete is in memory.
    let (major, output, input, user, type3_input) = unsafe {
        let location = stack_location(irp);
        (
            u32::from((*location).major),
            (*location).output_length,
            (*location).input_length,
            (*irp).user_buffer,
            (*location).type3_input,
        )
    };
    let (at, size) = match (which, major) {
        (Which::Output, IRP_MJ_READ | IRP_MJ_DEVICE_CONTROL) | (Which::Input, IRP_MJ_WRITE) => {
            (user, output)
        }
        (Which::Input, IRP_MJ_DEVICE_CONTROL) => (type3_input, input),
        _ => return STATUS_INVALID_DEVICE_REQUEST,
    };
    if requests::queue(irp).is_some() || at == 0 && size > 0 {
        return STATUS_INVALID_DEVICE_REQUEST;
    }
    if size == 0 || size < least {
        return STATUS_BUFFER_TOO_SMALL;
    }
    // SAFETY: it may be written, by this function's contract.
    unsafe { buffer.write(at) };
    if !length.is_null() {
        // SAFETY: it may be written unless it is null, by this function's contract.
        unsafe { length.write(size) };
    }
    STATUS_SUCCESS
}

unsafe extern "win64" fn retrieve_user_input(
    _globals: usize,
    handle: usize,
    least: usize,
    buffer: *mut usize,
    length: *mut usize,
) -> i32 {
    // SAFETY: both may be written, as documented.
    unsafe { retrieve_user(handle, Which::Input, least, buffer, length) }
}

unsafe extern "win64" fn retrieve_user_output(
    _globals: usize,
    handle: usize,
    least: usize,
    buffer: *mut usize,
    length: *mut usize,
) -> i32 {
    // SAFETY: both may be written, as documented.
    unsafe { retrieve_user(handle, Which::Output, least, buffer, length) }
}

/// Locks and maps the buffer of a program, which passes a bad address in half of the cases. The
/// mapping is a copy that no program sees.
///
/// # Safety
///
/// `memory` may be written.
unsafe fn lock(handle: usize, length: usize, memory: *mut usize) -> i32 {
    let irp = request(handle);
    if requests::queue(irp).is_some() {
        return STATUS_INVALID_DEVICE_REQUEST;
    }
    if length == 0 {
        return STATUS_INVALID_USER_BUFFER;
    }
    if with(|state| state.choices.chance.random_ratio(1, 2)) {
        return STATUS_ACCESS_VIOLATION;
    }
    let Some(globals) = change(irp, |request| request.globals) else {
        return STATUS_INVALID_DEVICE_REQUEST;
    };
    let attributes = objects::Attributes::default();
    let locked = memory::allocate(length, TAG).and_then(|buffer| {
        let added = memory::add(globals, Kind::Memory, &attributes, irp.addr(), buffer);
        if added.is_none() {
            memory::free(buffer);
        }
        added
    });
    // SAFETY: it may be written, by this function's contract.
    unsafe { objects::publish(memory, locked) }
}

unsafe extern "win64" fn lock_for_read(
    _globals: usize,
    handle: usize,
    _buffer: usize,
    length: usize,
    memory: *mut usize,
) -> i32 {
    // SAFETY: it may be written, as documented.
    unsafe { lock(handle, length, memory) }
}

unsafe extern "win64" fn lock_for_write(
    _globals: usize,
    handle: usize,
    _buffer: usize,
    length: usize,
    memory: *mut usize,
) -> i32 {
    // SAFETY: it may be written, as documented.
    unsafe { lock(handle, length, memory) }
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
