// SPDX-License-Identifier: MIT OR Apache-2.0

//! The part of NDIS that callout drivers use: access to the data of packets, and the pools for
//! new packets.

use windows_sys::Win32::Foundation::{STATUS_INSUFFICIENT_RESOURCES, STATUS_SUCCESS};

use super::wfp::owned::{acquire, give_back};
use super::wfp::packets::{Buffer, pieces};
use crate::exports::exports;
use crate::exports::memory::access;
use crate::hardware::irql::{DISPATCH_LEVEL, PASSIVE_LEVEL};
use crate::kernel::with;

exports! {
    of "ndis.sys":
    "NdisGetDataBuffer" <= DISPATCH_LEVEL => get_data_buffer: usize;
    "NdisAdvanceNetBufferDataStart" <= DISPATCH_LEVEL => advance: ();
    "NdisRetreatNetBufferDataStart" <= DISPATCH_LEVEL => retreat: i32;
    "NdisAllocateGenericObject" <= PASSIVE_LEVEL => allocate_object: usize;
    "NdisFreeGenericObject" <= DISPATCH_LEVEL => free_object: ();
    "NdisAllocateNetBufferListPool" <= PASSIVE_LEVEL => allocate_list_pool: usize;
    "NdisFreeNetBufferListPool" <= DISPATCH_LEVEL => free_list_pool: ();
    "NdisAllocateNetBufferPool" <= PASSIVE_LEVEL => allocate_buffer_pool: usize;
    "NdisFreeNetBufferPool" <= DISPATCH_LEVEL => free_buffer_pool: ();
}

/// Data that lie in two MDLs are not contiguous.
unsafe extern "win64" fn get_data_buffer(
    buffer: *const Buffer,
    needed: u32,
    storage: *mut u8,
    multiple: u32,
    offset: u32,
) -> usize {
    let needed = needed as usize;
    // SAFETY: the buffer is in memory, as documented.
    if needed == 0 || unsafe { (*buffer).length } < needed {
        return 0;
    }
    // SAFETY: so are the MDLs of it.
    let pieces = unsafe { pieces(buffer) };
    let Some(first) = pieces.first() else {
        return 0;
    };
    let data = first.start;
    let is_aligned = multiple < 2 || data % multiple as usize == offset as usize;
    if is_aligned && first.len() >= needed {
        return data;
    }
    if storage.is_null() {
        return 0;
    }
    let mut done = 0;
    for piece in pieces {
        let count = piece.len().min(needed - done);
        // SAFETY: the storage has room for what is needed, as documented.
        unsafe { access::copy(piece.start as *const u8, storage.wrapping_add(done), count) };
        done += count;
    }
    storage.addr()
}

unsafe extern "win64" fn advance(buffer: *mut Buffer, by: u32, _free: u8, _routine: usize) {
    note_move(buffer.addr(), i64::from(by));
    // SAFETY: the buffer is in memory, as documented.
    let buffer = unsafe { &mut *buffer };
    buffer.length = buffer.length.saturating_sub(by as usize);
    // SAFETY: so are its MDLs.
    unsafe { buffer.begin_at(buffer.offset + by) };
}

/// Records that the current thread moves the start of a buffer's data, which a callout must undo.
fn note_move(buffer: usize, by: i64) {
    with(|state| {
        let current = state.scheduling.current_id();
        state.objects.wfp.packets.note_move(current, buffer, by);
    });
}

/// There is no memory before what the MDL describes.
unsafe extern "win64" fn retreat(
    buffer: *mut Buffer,
    by: u32,
    _backfill: u32,
    _routine: usize,
) -> i32 {
    let at = buffer.addr();
    // SAFETY: the buffer is in memory, as documented.
    let buffer = unsafe { &mut *buffer };
    if buffer.offset < by {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    note_move(at, -i64::from(by));
    buffer.length += by as usize;
    // SAFETY: so are its MDLs.
    unsafe { buffer.begin_at(buffer.offset - by) };
    STATUS_SUCCESS
}

const OBJECT: &str = "NdisAllocateGenericObject";
const LIST_POOL: &str = "NdisAllocateNetBufferListPool";
const BUFFER_POOL: &str = "NdisAllocateNetBufferPool";

unsafe extern "win64" fn allocate_object(_driver: usize, _tag: u32, _size: u16) -> usize {
    acquire(OBJECT).unwrap_or_default()
}

unsafe extern "win64" fn free_object(object: usize) {
    give_back("NdisFreeGenericObject", OBJECT, object);
}

unsafe extern "win64" fn allocate_list_pool(_handle: usize, _parameters: usize) -> usize {
    acquire(LIST_POOL).unwrap_or_default()
}

unsafe extern "win64" fn free_list_pool(pool: usize) {
    give_back("NdisFreeNetBufferListPool", LIST_POOL, pool);
}

unsafe extern "win64" fn allocate_buffer_pool(_handle: usize, _parameters: usize) -> usize {
    acquire(BUFFER_POOL).unwrap_or_default()
}

unsafe extern "win64" fn free_buffer_pool(pool: usize) {
    give_back("NdisFreeNetBufferPool", BUFFER_POOL, pool);
}
