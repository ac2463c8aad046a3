// SPDX-License-Identifier: MIT OR Apache-2.0

//! Context areas of driver objects, entries for the error log, and the origin of requests.

use std::ptr;

use windows_sys::Win32::Foundation::{
    STATUS_INSUFFICIENT_RESOURCES, STATUS_OBJECT_NAME_COLLISION, STATUS_SUCCESS,
};

use crate::exports::execution::processes;
use crate::exports::exports;
use crate::exports::memory::access::set;
use crate::exports::memory::pool;
use crate::findings::caller::caller;
use crate::findings::stop;
use crate::hardware::irql::DISPATCH_LEVEL;
use crate::io::irp::Irp;
use crate::io::travel;
use crate::kernel::with;
use crate::objects::kernel_objects::ObjectKind;
use crate::verifier::faults::{self, FaultKind};

exports! {
    "IoAllocateDriverObjectExtension" <= DISPATCH_LEVEL => allocate_extension: i32;
    "IoGetDriverObjectExtension" <= DISPATCH_LEVEL => extension: usize;
    "IoAllocateErrorLogEntry" <= DISPATCH_LEVEL => allocate_entry: usize;
    "IoWriteErrorLogEntry" <= DISPATCH_LEVEL => write_entry: ();
    "IoFreeErrorLogEntry" <= DISPATCH_LEVEL => free_entry: ();
    "IoGetRelatedDeviceObject" <= DISPATCH_LEVEL => related_device: usize;
    "IoGetRequestorProcess" <= DISPATCH_LEVEL => requestor: usize;
    "IoGetRequestorProcessId" <= DISPATCH_LEVEL => requestor_id: u32;
}

const EXTENSION_TAG: u32 = u32::from_le_bytes(*b"DrEx");
const ENTRY_TAG: u32 = u32::from_le_bytes(*b"ErLg");

/// Allocates a context area, which the I/O manager frees with the driver object.
unsafe extern "win64" fn allocate_extension(
    driver: usize,
    identifier: usize,
    size: u32,
    place: usize,
) -> i32 {
    let key = (driver, identifier);
    let made = with(|state| {
        if state.objects.extensions.contains_key(&key) {
            return Err(STATUS_OBJECT_NAME_COLLISION);
        }
        if faults::fails(state, FaultKind::Allocation) {
            return Err(STATUS_INSUFFICIENT_RESOURCES);
        }
        let pool = &mut state.memory.pool;
        let at = pool.allocate(size as usize, EXTENSION_TAG, true, None);
        let at = at.ok_or(STATUS_INSUFFICIENT_RESOURCES)?;
        state.objects.extensions.insert(key, at);
        Ok(at)
    });
    match made {
        Ok(at) => {
            set(place, at);
            STATUS_SUCCESS
        }
        Err(status) => status,
    }
}

unsafe extern "win64" fn extension(driver: usize, identifier: usize) -> usize {
    let key = (driver, identifier);
    with(|state| state.objects.extensions.get(&key).copied()).unwrap_or_default()
}

unsafe extern "win64" fn allocate_entry(_object: usize, size: u8) -> usize {
    /// `ERROR_LOG_MAXIMUM_SIZE`.
    const MOST: u8 = 240;
    let at = with(|state| {
        let by = caller(state);
        if size == 0 || size > MOST || faults::fails(state, FaultKind::Allocation) {
            return None;
        }
        let pool = &mut state.memory.pool;
        let at = pool.allocate(size.into(), ENTRY_TAG, true, by)?;
        state.objects.created.add(at, ObjectKind::ErrorLogEntry, by);
        Some(at)
    });
    at.unwrap_or_default()
}

unsafe extern "win64" fn write_entry(entry: usize) {
    with(|state| state.trace(|_| "an entry was written to the error log".to_owned()));
    end_entry(entry, "written to the error log");
}

unsafe extern "win64" fn free_entry(entry: usize) {
    end_entry(entry, "freed as an entry of the error log");
}

/// Frees an entry; `done` says what has been done with it.
fn end_entry(entry: usize, done: &str) {
    let kind = ObjectKind::ErrorLogEntry;
    if !with(|state| state.objects.created.is(entry, kind)) {
        let before = with(|state| {
            let by = state.objects.created.deleted(entry, kind)?;
            Some(state.loader.drivers.show(by))
        });
        let before = before.map_or_else(
            || "which IoAllocateErrorLogEntry has not returned".to_owned(),
            |by| format!("which {by} has freed or written before"),
        );
        stop("0xC4", format!("{entry:#x} was {done}, {before}"));
    }
    with(|state| {
        let by = caller(state);
        state.objects.created.delete(entry, kind, by);
    });
    pool::free(ptr::with_exposed_provenance_mut(entry), ENTRY_TAG);
}

/// Returns the device on top of the device stack on which a file was opened.
unsafe extern "win64" fn related_device(file: usize) -> usize {
    if !with(|state| state.io.files.has(file)) {
        let what = format!("{file:#x} is used as a file object, which it is not");
        stop("0xC4", what);
    }
    travel::top(with(|state| state.io.files.device(file)))
}

/// Returns the process of a request, or 0 if the request belongs to no thread.
fn process_of(irp: *const Irp) -> usize {
    // SAFETY: the request is in memory, as documented.
    let (thread, mode) = unsafe { ((*irp).thread, (*irp).requestor_mode) };
    match (thread, mode) {
        (_, 1) => processes::SHELL,
        (0, _) => 0,
        _ => processes::SYSTEM,
    }
}

unsafe extern "win64" fn requestor(irp: *const Irp) -> usize {
    match process_of(irp) {
        0 => 0,
        process => with(|state| processes::object(state, process)),
    }
}

unsafe extern "win64" fn requestor_id(irp: *const Irp) -> u32 {
    u32::try_from(process_of(irp)).expect("it is small")
}
