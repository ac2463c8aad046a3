// SPDX-License-Identifier: MIT OR Apache-2.0

//! Names of addresses. This machine has a name; what else is asked for may have none.

use std::ops::Range;

use windows_sys::Win32::Foundation::{
    STATUS_BUFFER_TOO_SMALL, STATUS_INSUFFICIENT_RESOURCES, STATUS_INVALID_PARAMETER,
    STATUS_NO_MATCH, STATUS_SUCCESS, UNICODE_STRING,
};

use crate::exports::exports;
use crate::exports::wsk::client::{captured, run};
use crate::exports::wsk::socket::fails;
use crate::findings::caller::caller;
use crate::hardware::irql::PASSIVE_LEVEL;
use crate::kernel::with;
use crate::network::addresses::{self, Address};
use crate::network::buffers::Buffer;
use crate::network::{requests, timing};

exports! {
    of "wsk":
    "WskGetNameInfo" <= PASSIVE_LEVEL => wsk_get_name_info: i32;
}

/// The name of this machine, without and with its domain.
const HOST: &str = "host-1";
const DOMAIN: &str = "host-1.test";

/// `NI_NOFQDN`, `NI_NUMERICHOST`, `NI_NAMEREQD`, `NI_NUMERICSERV`.
const RELATIVE: u32 = 0x1;
const NUMERIC_HOST: u32 = 0x2;
const NAME_REQUIRED: u32 = 0x4;
const NUMERIC_SERVICE: u32 = 0x8;

unsafe extern "win64" fn wsk_get_name_info(
    client: usize,
    address: usize,
    length: u32,
    node: *mut UNICODE_STRING,
    service: *mut UNICODE_STRING,
    flags: u32,
    process: usize,
    thread: usize,
    irp: usize,
) -> i32 {
    /// `sizeof(SOCKADDR_STORAGE)`.
    const MOST: u32 = 128;
    const NAME: &str = "WskGetNameInfo";
    let registration = captured(client, NAME);
    let strings = [node, service];
    // SAFETY: names that are given can be read, as documented.
    let used = strings.into_iter().flat_map(|it| unsafe { memory_of(it) });
    let memory = Buffer::of_others(used);
    let request = requests::take_with(irp, NAME, registration, None, memory);
    if fails(request) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    let is_wrong = strings.iter().all(|it| it.is_null()) || thread != 0 && process == 0;
    // SAFETY: the address is in memory, as documented.
    let found = unsafe { Address::read(address) };
    let found = found.filter(|it| {
        let needed = addresses::length(it.family()).unwrap_or_default();
        length <= MOST && length as usize >= needed
    });
    let Some(address) = found.filter(|_| !is_wrong) else {
        let status = STATUS_INVALID_PARAMETER;
        return requests::complete_now(request, status, status.cast_unsigned() as usize);
    };
    let by = with(|state| caller(state));
    run(request, by, move |state| {
        // Now and then an address has no name.
        let is_known = !timing::once_in(state, 8);
        let status = match host(&address, flags, is_known) {
            None => STATUS_NO_MATCH,
            Some(host) => {
                let texts = [host, service_of(&address, flags)];
                let mut pairs = strings.into_iter().zip(texts);
                // SAFETY: the strings stay in memory until the request is complete.
                let fit = pairs.all(|(string, text)| unsafe { put(string, &text) });
                if fit {
                    STATUS_SUCCESS
                } else {
                    STATUS_BUFFER_TOO_SMALL
                }
            }
        };
        (status, status.cast_unsigned() as usize)
    })
}

/// The memory of a string, and that of its text.
///
/// # Safety
///
/// A string that is not null can be read.
unsafe fn memory_of(string: *const UNICODE_STRING) -> Vec<Range<usize>> {
    if string.is_null() {
        return Vec::new();
    }
    // SAFETY: the string can be read, by this function's contract.
    let (text, room) = unsafe { ((*string).Buffer.addr(), (*string).MaximumLength) };
    let at = string.addr();
    vec![
        at..at + size_of::<UNICODE_STRING>(),
        text..text + usize::from(room),
    ]
}

/// The name of a host; `None` if it has none and needs one.
fn host(address: &Address, flags: u32, is_known: bool) -> Option<String> {
    let numbers = || Some(address.host());
    match flags {
        _ if flags & NUMERIC_HOST != 0 => numbers(),
        _ if !is_known && flags & NAME_REQUIRED != 0 => None,
        _ if !is_known => numbers(),
        _ if flags & RELATIVE != 0 => Some(HOST.to_owned()),
        _ => Some(DOMAIN.to_owned()),
    }
}

/// The name of a service: of one that has none it is the port.
fn service_of(address: &Address, flags: u32) -> String {
    match address.port() {
        7 if flags & NUMERIC_SERVICE == 0 => "echo".to_owned(),
        port => port.to_string(),
    }
}

/// Writes a text with the NUL that ends it. Returns `false` if there is no room.
///
/// # Safety
///
/// A string that is not null can be written, and the memory of its text.
unsafe fn put(string: *mut UNICODE_STRING, text: &str) -> bool {
    if string.is_null() {
        return true;
    }
    let units: Vec<u16> = text.encode_utf16().chain([0]).collect();
    // SAFETY: the string can be read, by this function's contract.
    let (buffer, room) = unsafe { ((*string).Buffer, (*string).MaximumLength) };
    if usize::from(room) < size_of_val(&units[..]) {
        return false;
    }
    // SAFETY: there is room for the text, as was just checked.
    unsafe { buffer.copy_from(units.as_ptr(), units.len()) };
    let length = u16::try_from(2 * (units.len() - 1)).expect("names are short");
    // SAFETY: the string can be written, by this function's contract.
    unsafe { (*string).Length = length };
    true
}
