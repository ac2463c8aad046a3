// SPDX-License-Identifier: MIT OR Apache-2.0

//! The structures of net buffer lists, and of what the stream layer hands to callouts.

use std::mem::offset_of;

use windows_sys::Win32::Foundation::STATUS_SUCCESS;

use crate::io::mdl::{Mdl, NON_PAGED};
use crate::kernel::State;

const TAG: u32 = u32::from_le_bytes(*b"NBL ");
/// The bytes of data that a packet of the stack carries, and those before them.
pub(super) const DATA: usize = 64;
pub(super) const ROOM: usize = 64;

/// `NET_BUFFER`.
#[repr(C, align(16))]
#[derive(Clone, Copy)]
pub(in crate::exports) struct Buffer {
    next: usize,
    pub(in crate::exports) current_mdl: usize,
    pub(in crate::exports) current_offset: u32,
    pub(in crate::exports) length: usize,
    mdl: usize,
    pub(in crate::exports) offset: u32,
    checksum_bias: u16,
    pool: usize,
    reserved: [usize; 16],
}

/// `NET_BUFFER_LIST`.
#[repr(C, align(16))]
#[derive(Clone, Copy)]
pub(super) struct List {
    next: usize,
    pub(super) first: usize,
    context: usize,
    pub(super) parent: usize,
    pool: usize,
    gap: usize,
    reserved: [usize; 10],
    flags: u32,
    pub(super) children: i32,
    more_flags: u32,
    status: i32,
    information: [usize; 32],
}

const _: () = assert!(offset_of!(List, status) == 140 && offset_of!(Buffer, offset) == 40);

/// `FWPS_STREAM_CALLOUT_IO_PACKET0`.
#[repr(C)]
struct StreamPacket {
    data: usize,
    missed: usize,
    required: u32,
    enforced: usize,
    action: u32,
}

/// `FWPS_STREAM_DATA0`.
#[repr(C)]
pub(super) struct StreamData {
    flags: u32,
    list: usize,
    buffer: usize,
    mdl: usize,
    mdl_offset: u32,
    buffer_offset: u32,
    stream_offset: usize,
    pub(super) length: usize,
    pub(super) chain: usize,
}

const _: () = assert!(offset_of!(StreamData, length) == 48);

/// What a net buffer list consists of, in one block of memory.
#[repr(C)]
struct Block {
    list: List,
    buffer: Buffer,
    mdl: Mdl,
    pages: [usize; 2],
    stream: StreamPacket,
    stream_data: StreamData,
    data: [u8; ROOM + DATA],
}

/// The `layerData` of the stream layer for a packet.
pub(in crate::exports::wfp) const fn stream_of(at: usize) -> usize {
    at + offset_of!(Block, stream)
}

/// `FWPS_STREAM_FLAG_RECEIVE` and `FWPS_STREAM_FLAG_SEND`.
pub(super) const RECEIVE: u32 = 0x1;
pub(super) const SEND: u32 = 0x1_0000;

/// The data of a packet's stream are sent or received.
pub(super) fn set_direction(at: usize, is_sent: bool) {
    let data = (at + offset_of!(Block, stream_data)) as *mut StreamData;
    // SAFETY: the packet was made by `make`, which no driver has seen yet.
    unsafe { (*data).flags = if is_sent { SEND } else { RECEIVE } };
}

fn length_of_data() -> u32 {
    u32::try_from(ROOM + DATA).expect("it is small")
}

/// Makes a net buffer list with one buffer that describes `length` bytes from `offset` of an
/// MDL, or of data of its own if that is 0. Returns its address.
pub(super) fn make(state: &mut State, mdl: usize, offset: u32, length: usize) -> Option<usize> {
    let pool = &mut state.memory.pool;
    let at = pool.allocate(size_of::<Block>(), TAG, true, None)?;
    let data = at + offset_of!(Block, data);
    let own = at + offset_of!(Block, mdl);
    let mdl = if mdl == 0 { own } else { mdl };
    let buffer = Buffer {
        next: 0,
        current_mdl: mdl,
        current_offset: offset,
        length,
        mdl,
        offset,
        checksum_bias: 0,
        pool: 0,
        reserved: [0; 16],
    };
    let buffer_at = at + offset_of!(Block, buffer);
    let list = List {
        next: 0,
        first: buffer_at,
        context: 0,
        parent: 0,
        pool: 0,
        gap: 0,
        reserved: [0; 10],
        flags: 0,
        children: 0,
        more_flags: 0,
        status: STATUS_SUCCESS,
        information: [0; 32],
    };
    let stream = StreamPacket {
        data: at + offset_of!(Block, stream_data),
        missed: 0,
        required: 0,
        enforced: 0,
        action: 0,
    };
    let stream_data = StreamData {
        flags: 0,
        list: at,
        buffer: buffer_at,
        mdl,
        mdl_offset: offset,
        buffer_offset: 0,
        stream_offset: 0,
        length,
        chain: at,
    };
    let mut described = Mdl::new(data, length_of_data(), NON_PAGED);
    described.mapped = data;
    let block = Block {
        list,
        buffer,
        mdl: described,
        pages: [data / 4096, data / 4096 + 1],
        stream,
        stream_data,
        data: [0; ROOM + DATA],
    };
    // SAFETY: the block was just allocated for it.
    unsafe { (at as *mut Block).write(block) };
    Some(at)
}

/// Where the data of the first buffer of a list begins, in the MDL that describes it.
///
/// # Safety
///
/// The list, its buffer and the MDL of that are in memory.
pub(super) unsafe fn data_of(list: usize) -> usize {
    // SAFETY: the list is in memory, by this function's contract.
    let buffer = unsafe { (*(list as *const List)).first };
    // SAFETY: so is its buffer.
    unsafe { current(buffer as *const Buffer) }
}

/// # Safety
///
/// The buffer and the MDL of it are in memory.
pub(in crate::exports) unsafe fn current(buffer: *const Buffer) -> usize {
    // SAFETY: the buffer is in memory, by this function's contract.
    let buffer = unsafe { buffer.read() };
    // SAFETY: so is its MDL.
    let mdl = unsafe { &*(buffer.current_mdl as *const Mdl) };
    mdl.memory().start + buffer.current_offset as usize
}
