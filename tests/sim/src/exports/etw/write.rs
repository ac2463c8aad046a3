// SPDX-License-Identifier: MIT OR Apache-2.0

//! Events that providers write.

use windows_sys::Win32::Foundation::{
    STATUS_BUFFER_OVERFLOW, STATUS_INVALID_HANDLE, STATUS_INVALID_PARAMETER, STATUS_SUCCESS,
};

use crate::exports::data::strings;
use crate::exports::etw::{event, is_enabled, is_open, note};
use crate::exports::memory::access;
use crate::findings::stop;
use crate::kernel::with;
use crate::verifier::promises::recorded;

/// `EVENT_DESCRIPTOR`.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(super) struct EventDescriptor {
    id: u16,
    version: u8,
    channel: u8,
    pub(super) level: u8,
    opcode: u8,
    task: u16,
    pub(super) keyword: u64,
}

/// `EVENT_DATA_DESCRIPTOR`.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(super) struct DataDescriptor {
    address: u64,
    size: u32,
    kind: u8,
    reserved: [u8; 3],
}

/// `EVENT_DATA_DESCRIPTOR_TYPE_EVENT_METADATA`.
const EVENT_METADATA: u8 = 1;
/// `EVENT_DATA_DESCRIPTOR_TYPE_PROVIDER_METADATA`.
const PROVIDER_METADATA: u8 = 2;

/// `MAX_EVENT_DATA_DESCRIPTORS`.
const MOST_DESCRIPTORS: u32 = 128;
/// The largest event, with its header.
const LARGEST: u64 = 0x1_0000;

pub(super) unsafe extern "win64" fn etw_write(
    handle: usize,
    event: *const EventDescriptor,
    _activity: *const [u8; 16],
    count: u32,
    data: *const DataDescriptor,
) -> i32 {
    // SAFETY: these are the driver's own arguments, valid as documented.
    unsafe { write("EtwWrite", handle, event, count, data) }
}

pub(super) unsafe extern "win64" fn etw_write_transfer(
    handle: usize,
    event: *const EventDescriptor,
    _activity: *const [u8; 16],
    _related: *const [u8; 16],
    count: u32,
    data: *const DataDescriptor,
) -> i32 {
    // SAFETY: these are the driver's own arguments, valid as documented.
    unsafe { write("EtwWriteTransfer", handle, event, count, data) }
}

pub(super) unsafe extern "win64" fn etw_write_ex(
    handle: usize,
    event: *const EventDescriptor,
    _filter: u64,
    _flags: u32,
    _activity: *const [u8; 16],
    _related: *const [u8; 16],
    count: u32,
    data: *const DataDescriptor,
) -> i32 {
    // SAFETY: these are the driver's own arguments, valid as documented.
    unsafe { write("EtwWriteEx", handle, event, count, data) }
}

pub(super) unsafe extern "win64" fn etw_write_string(
    handle: usize,
    level: u8,
    keyword: u64,
    _activity: *const [u8; 16],
    text: *const u16,
) -> i32 {
    if handle == 0 {
        return STATUS_INVALID_HANDLE;
    }
    if is_enabled(handle, "EtwWriteString", level, keyword) {
        // SAFETY: the string ends with a zero, as documented.
        let text = unsafe { strings::wide_text(text) };
        trace(handle, &format!("{text:?}"));
    }
    STATUS_SUCCESS
}

/// Writes an event: the trace shows it if a session wants it.
///
/// # Safety
///
/// The descriptors, and the data that they describe, are readable as documented.
unsafe fn write(
    function: &str,
    handle: usize,
    event: *const EventDescriptor,
    count: u32,
    data: *const DataDescriptor,
) -> i32 {
    if !is_open(handle, function) {
        return STATUS_INVALID_HANDLE;
    }
    // SAFETY: the descriptor is readable, by this function's contract.
    let event = unsafe { event.read() };
    if !is_enabled(handle, function, event.level, event.keyword) {
        return STATUS_SUCCESS;
    }
    if count > MOST_DESCRIPTORS {
        note(&format!(
            "an ETW event is refused: it has {count} data descriptors, and may have \
             {MOST_DESCRIPTORS}"
        ));
        return STATUS_INVALID_PARAMETER;
    }
    // SAFETY: as many descriptors are readable, by this function's contract.
    let all = (0..count as usize).map(|index| unsafe { data.add(index).read() });
    let all: Vec<_> = all.collect();
    let size: u64 = all.iter().map(|it| u64::from(it.size)).sum();
    if size >= LARGEST {
        note(&format!(
            "an ETW event is refused: it has {size} bytes, and an event has at most 64 KB with \
             its header"
        ));
        return STATUS_BUFFER_OVERFLOW;
    }
    let of = |kind| {
        let all = all.iter().filter(move |it| it.kind == kind);
        // SAFETY: the data are readable, by this function's contract.
        let all = all.flat_map(|it| unsafe { bytes(address(it), it.size) });
        all.collect::<Vec<_>>()
    };
    let (metadata, content) = (of(EVENT_METADATA), of(0));
    // Windows ignores it where the traits are set; it must be readable all the same.
    drop(of(PROVIDER_METADATA));
    if metadata.is_empty() {
        let (id, bytes) = (event.id, content.len());
        trace(handle, &format!("event {id}, {bytes} bytes"));
        return STATUS_SUCCESS;
    }
    match event::decode(&metadata, &content) {
        Ok(decoded) => trace(handle, &decoded),
        Err(wrong) => {
            note(&format!("an ETW event cannot be decoded: {wrong}"));
            trace(handle, &format!("that cannot be decoded: {wrong}"));
        }
    }
    STATUS_SUCCESS
}

fn address(data: &DataDescriptor) -> usize {
    usize::try_from(data.address).expect("it has 64 bits")
}

/// Copies bytes of the driver's. A fault is the driver's finding.
///
/// # Safety
///
/// They are readable, or nothing needs to be done after a fault.
pub(super) unsafe fn bytes(address: usize, size: u32) -> Vec<u8> {
    let mut copy = vec![0_u8; size as usize];
    // SAFETY: the copy is as long; the rest is this function's contract.
    unsafe { access::copy(address as *const u8, copy.as_mut_ptr(), copy.len()) };
    copy
}

/// Adds an event to the trace, and checks it if it is one of the pair's.
fn trace(handle: usize, event: &str) {
    let found = with(|state| {
        let name = state.exports.etw.name(handle).unwrap_or_default();
        state.trace(|_| format!("etw {name} {event}"));
        let driver = state.objects.created.creator(handle)?.driver;
        recorded::written(state, driver, event)
    });
    if let Some((code, what)) = found {
        stop(code, what);
    }
}
