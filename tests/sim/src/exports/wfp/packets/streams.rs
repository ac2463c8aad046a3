// SPDX-License-Identifier: MIT OR Apache-2.0

//! The data of streams, and headers of packets.

use windows_sys::Win32::Foundation::STATUS_SUCCESS;

use super::layout::{StreamData, data_of};
use super::{allocate_clone, free_clone};
use crate::exports::exports;
use crate::exports::memory::access;
use crate::hardware::irql::DISPATCH_LEVEL;

exports! {
    of "fwpkclnt.sys":
    "FwpsCopyStreamDataToBuffer0" <= DISPATCH_LEVEL => copy: ();
    "FwpsCloneStreamData0" <= DISPATCH_LEVEL => clone: i32;
    "FwpsDiscardClonedStreamData0" <= DISPATCH_LEVEL => discard: ();
    "FwpsStreamContinue0" <= DISPATCH_LEVEL => go_on: i32;
    "FwpsConstructIpHeaderForTransportPacket0" <= DISPATCH_LEVEL => construct_header: i32;
}

unsafe extern "win64" fn copy(
    stream: *const StreamData,
    buffer: *mut u8,
    wanted: usize,
    copied: *mut usize,
) {
    // SAFETY: the stream's data can be read, as documented.
    let (list, length) = unsafe { ((*stream).chain, (*stream).length) };
    let length = length.min(wanted);
    // SAFETY: the list is one of the stack, with its buffer and its data in memory.
    let data = unsafe { data_of(list) };
    // SAFETY: the buffer has room for what is wanted, as documented, and is another one.
    unsafe { access::copy(data as *const u8, buffer, length) };
    if !copied.is_null() {
        // SAFETY: the length may be written, as documented.
        unsafe { copied.write(length) };
    }
}

unsafe extern "win64" fn clone(
    stream: *const StreamData,
    list_pool: usize,
    buffer_pool: usize,
    flags: u32,
    chain: *mut usize,
) -> i32 {
    // SAFETY: the stream's data can be read, as documented.
    let original = unsafe { (*stream).chain };
    // SAFETY: this passes on the driver's own arguments, under the same documented contract.
    unsafe { allocate_clone(original, list_pool, buffer_pool, flags, chain) }
}

unsafe extern "win64" fn discard(chain: usize, flags: u32, _at_dispatch: u8) {
    // SAFETY: this passes on the driver's own arguments, under the same documented contract.
    unsafe { free_clone(chain, flags) };
}

/// Nothing is deferred.
unsafe extern "win64" fn go_on(_flow: u64, _callout: u32, _layer: u16, _flags: u32) -> i32 {
    STATUS_SUCCESS
}

/// Packets have room for a header, but none is written.
unsafe extern "win64" fn construct_header() -> i32 {
    STATUS_SUCCESS
}
